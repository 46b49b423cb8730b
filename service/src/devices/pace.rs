//! How often a device is to report, after it was registered.

use domain::{
    AppError, DeviceId,
    device::{Lifecycle, REPORT_INTERVAL_MS},
    event::{EventKind, Severity},
};
use entity::device;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction};
use serde_json::json;

use super::claim::tell_owner;
use crate::{OwnerOf, Services, audit, events, internal, presence};

/// A device whose interval was changed.
pub(super) struct Paced {
    device: device::Model,
    /// The interval until now, in milliseconds.
    from: i64,
}

/// Whether an interval can be one, by the same bounds as the one that devices are registered with.
pub(super) fn check(interval_ms: i64) -> Result<i64, AppError> {
    match REPORT_INTERVAL_MS.contains(&interval_ms) {
        true => Ok(interval_ms),
        false => Err(AppError::invalid("report_interval_ms", "report_interval")),
    }
}

/// Sets the interval of a device whose row is locked; nothing is to be told where it is what it was.
pub(super) async fn set(
    services: &Services,
    transaction: &DatabaseTransaction,
    owner: &OwnerOf,
    row: device::Model,
    to: i64,
) -> Result<(device::Model, Option<Paced>), AppError> {
    let from = row.report_interval_ms;
    if from == to {
        return Ok((row, None));
    }
    let target = Some(owner.device().uuid.to_string());
    let mut change: device::ActiveModel = row.into();
    change.report_interval_ms = Set(to);
    let row = change.update(transaction).await.map_err(internal)?;
    let (action, detail) = ("set_report_interval", json!({ "from": from, "to": to }));
    audit::record(services, transaction, owner.actor(), action, target, detail).await?;
    let device = row.clone();
    Ok((row, Some(Paced { device, from })))
}

/// Lets what was committed take effect: the deadline, the device's timeline, which names who did it, and the device itself.
/// One that is not there finds it in its retained `owner`, and one that nobody owns in its credentials.
pub(super) async fn follow(
    services: &Services,
    by: &str,
    Paced { device, from }: Paced,
) -> Result<(), AppError> {
    presence::paced(services, &device, from).await?;
    let uuid = DeviceId(device.uuid);
    let (kind, severity) = (EventKind::ReportInterval, Severity::Info);
    let detail = json!({ "from": from, "to": device.report_interval_ms, "by": by });
    events::record(services, device.id, uuid, kind, severity, detail).await?;
    match device.lifecycle == Lifecycle::Active.as_str() {
        true => tell_owner(services, uuid).await,
        false => Ok(()),
    }
}
