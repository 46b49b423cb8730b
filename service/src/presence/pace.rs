//! Another report interval: the deadline of a device that is connected follows at once.

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{Lifecycle, Presence},
};
use entity::{device, device_live};
use sea_orm::EntityTrait;

use super::{deadline, speaking};
use crate::{Services, internal};

/// A device, as it is now, was to report every `before` milliseconds until now. Its deadline becomes that of the new
/// interval, counted from its last word; where that is sooner than it was, from now, because the device learns it only
/// now. A `TIMEOUT` that is none by the new interval ends.
pub(crate) async fn paced(
    services: &Services,
    device: &device::Model,
    before: i64,
) -> Result<(), AppError> {
    if device.lifecycle != Lifecycle::Active.as_str() {
        return Ok(());
    }
    let live = device_live::Entity::find_by_id(device.id)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let spoke = live.and_then(|live| live.last_received_ms);
    let online = device.presence == Presence::Online.as_str();
    let Some(heard) = spoke.max(online.then_some(device.presence_since_ms)) else {
        return Ok(());
    };
    let due = moved(
        TimestampMs(heard),
        services.now(),
        before,
        device.report_interval_ms,
    );
    if due <= services.now() {
        // Silent by either interval.
        return Ok(());
    }
    let set = services
        .deadlines
        .set(&[(DeviceId(device.uuid), due)])
        .await?;
    speaking(services, &set).await
}

fn moved(heard: TimestampMs, now: TimestampMs, before: i64, after: i64) -> TimestampMs {
    let told = deadline(heard, before).min(deadline(now, after));
    deadline(heard, after).max(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_interval_counts_from_the_last_word_and_a_shorter_one_from_now() {
        let (heard, now) = (TimestampMs(1_000_000), TimestampMs(1_020_000));
        let after = |before, after| moved(heard, now, before, after).since(heard);
        assert_eq!(after(10_000, 60_000), 180_000);
        assert_eq!(after(60_000, 10_000), 20_000 + 30_000);
        assert_eq!(after(60_000, 1_000), 20_000 + 15_000, "at least 15 s");
        assert_eq!(after(10_000, 9_000), 30_000, "not later than it was");
    }
}
