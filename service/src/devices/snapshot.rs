//! Devices as they stand at one moment, for who follows their changes from there.
//!
//! Invariant: presence, state and revision of a device are read by one statement, and each of its changes is committed
//! with its revision; so the changes up to that revision are in a snapshot, and no other.

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{Presence, PresenceCause, PresenceInfo},
    live::DeviceSnapshot,
};
use entity::{device, device_live};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};

use super::list::{to_live, visible_to};
use crate::{Actor, Services, internal, telemetry};

/// Those of these devices that the actor may see, as they stand; read past the cache, which may be behind the store.
pub async fn snapshots(
    services: &Services,
    actor: &Actor,
    ids: &[DeviceId],
) -> Result<Vec<DeviceSnapshot>, AppError> {
    let rows = device::Entity::find()
        .join(JoinType::LeftJoin, to_live())
        .select_also(device_live::Entity)
        .filter(device::Column::Uuid.is_in(ids.iter().map(|id| id.0)))
        .filter(visible_to(actor))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    rows.into_iter()
        .map(|(device, live)| snapshot(&device, live.as_ref()))
        .collect()
}

fn snapshot(
    device: &device::Model,
    live: Option<&device_live::Model>,
) -> Result<DeviceSnapshot, AppError> {
    let unknown = |what: &str, text: &str| internal(format!("the {what} `{text}`"));
    let revision = live.map_or(0, |live| u64::try_from(live.revision).unwrap_or_default());
    // What a former owner's device reported is not the present one's.
    let own = live.filter(|live| live.ownership == device.ownership);
    Ok(DeviceSnapshot {
        device: DeviceId(device.uuid),
        revision,
        presence: PresenceInfo {
            presence: Presence::parse(&device.presence)
                .ok_or_else(|| unknown("presence", &device.presence))?,
            cause: PresenceCause::parse(&device.presence_cause)
                .ok_or_else(|| unknown("cause", &device.presence_cause))?,
            since: TimestampMs(device.presence_since_ms),
        },
        state: own
            .map(|live| telemetry::state_of(live).state)
            .unwrap_or_default(),
    })
}
