//! The state of a device as it is stored: each value with when it was measured, and whether a person has set it by
//! hand since.
//!
//! Invariant: a value set by hand keeps the moment of the report that it stands in front of, so that the next report
//! takes its place like any other.

use std::collections::{BTreeMap, HashSet};

use domain::{AppError, TimestampMs, forced::Forced};
use entity::device_live;
use parking_lot::Mutex;
use protocol::Scalar;
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QuerySelect};
use serde::{Deserialize, Serialize};

use super::{live, window::WINDOW_BYTES};
use crate::{Services, accounts::actor::DeviceRef, internal, state_cache::CachedState};

/// One value: what it is, when it was measured, and who set it by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held(
    pub(crate) Scalar,
    pub(crate) TimestampMs,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub(crate) Option<Box<Forced>>,
);

/// The values by their keys.
pub(crate) type HeldState = BTreeMap<String, Held>;

/// Devices whose state was written past the committer, which keeps in memory what it wrote last.
#[derive(Debug, Default)]
pub(crate) struct Rewritten(Mutex<HashSet<i64>>);

impl Rewritten {
    /// Which of them the committer must read again.
    pub(super) fn take(&self) -> HashSet<i64> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Begins an ownership, in the transaction that makes it the device's: with an empty state, which is to be cached, and
/// from where a report of an earlier one, verified before, comes too late.
pub(crate) async fn begin_ownership(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: DeviceRef,
    ownership: i64,
) -> Result<CachedState, AppError> {
    rewrite(services, transaction, device, ownership, |_| Ok(())).await
}

/// Changes a device's state past its reports, in the caller's transaction; the answer is what is to be cached. The
/// state of an earlier ownership is not the present one's.
pub(crate) async fn rewrite(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: DeviceRef,
    ownership: i64,
    change: impl FnOnce(&mut HeldState) -> Result<(), AppError>,
) -> Result<CachedState, AppError> {
    let found = device_live::Entity::find_by_id(device.id)
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(internal)?;
    let (is_new, mut row) = match found {
        Some(row) if row.ownership == ownership => (false, row),
        Some(row) => {
            let revision = row.revision;
            (false, fresh(device.id, ownership, revision))
        }
        None => (true, fresh(device.id, ownership, 0)),
    };
    let mut state: HeldState = serde_json::from_value(row.state).map_err(internal)?;
    change(&mut state)?;
    row.state = serde_json::to_value(&state).map_err(internal)?;
    row.revision += 1;
    let cached = live::cached(&row);
    let row = row.into_active_model().reset_all();
    match is_new {
        true => row.insert(transaction).await,
        false => row.update(transaction).await,
    }
    .map_err(internal)?;
    // Before the commit: the committer's next transaction begins after it, and reads again.
    services.rewritten().0.lock().insert(device.id);
    Ok(cached)
}

fn fresh(device: i64, ownership: i64, revision: i64) -> device_live::Model {
    device_live::Model {
        device_id: device,
        ownership,
        sequence_high: -1,
        sequence_bits: vec![0; WINDOW_BYTES],
        state: serde_json::json!({}),
        revision,
        last_report_ms: None,
        last_received_ms: None,
        clock_skew_ms: None,
        duplicates: 0,
        refused_recently: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_stored_as_before_unless_it_was_set_by_hand() {
        let reported = Held(Scalar::Number(1.5), TimestampMs(7), None);
        let text = serde_json::to_string(&reported).unwrap();
        assert_eq!(text, "[1.5,7]");
        assert_eq!(serde_json::from_str::<Held>(&text).unwrap(), reported);
        let forced = Forced {
            by: "김".to_owned(),
            at: TimestampMs(9),
            before: Some(Scalar::Number(1.5)),
        };
        let held = Held(
            Scalar::Text("x".to_owned()),
            TimestampMs(7),
            Some(Box::new(forced)),
        );
        let value = serde_json::to_value(&held).unwrap();
        assert_eq!(value[2]["by"], "김");
        assert_eq!(serde_json::from_value::<Held>(value).unwrap(), held);
    }
}
