//! What the rows of a list show beside the summaries of their devices.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, TimestampMs,
    finding::{RowExtra, RowValue, Trouble},
};
use entity::{device, device_health};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect};

use super::{list, tags};
use crate::{Actor, Services, internal};

/// Tags, troubles and these values of the state, in the order of the devices; of one that the actor may not see there
/// is nothing.
pub async fn extras(
    services: &Services,
    actor: &Actor,
    devices: &[DeviceId],
    keys: &[String],
) -> Result<Vec<RowExtra>, AppError> {
    let seen = list::visible(services, actor, devices).await?;
    let mut tags = tags::of_many(services, &seen).await?;
    let mut troubles = troubles(services, &seen).await?;
    let states = match keys.is_empty() {
        true => HashMap::new(),
        false => services.cache.get(&seen).await?,
    };
    Ok(devices
        .iter()
        .map(|device| {
            let state = states.get(device);
            let value = |key: &String| {
                let known = state?;
                Some(RowValue {
                    value: known.state.get(key)?.clone(),
                    forced: known.forced.contains_key(key),
                })
            };
            RowExtra {
                tags: tags.remove(device).unwrap_or_default(),
                troubles: troubles.remove(device).unwrap_or_default(),
                values: keys.iter().map(value).collect(),
            }
        })
        .collect())
}

/// What is wrong with these devices now.
pub(super) async fn troubles(
    services: &Services,
    devices: &[DeviceId],
) -> Result<HashMap<DeviceId, Vec<Trouble>>, AppError> {
    let sick: Vec<(uuid::Uuid, i64)> = device::Entity::find()
        .select_only()
        .columns([device::Column::Uuid, device::Column::Id])
        .join(
            JoinType::InnerJoin,
            device::Entity::belongs_to(device_health::Entity)
                .from(device::Column::Id)
                .to(device_health::Column::DeviceId)
                .into(),
        )
        .filter(device::Column::Uuid.is_in(devices.iter().map(|id| id.0)))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    if sick.is_empty() {
        return Ok(HashMap::new());
    }
    let uuids: HashMap<i64, DeviceId> = sick
        .into_iter()
        .map(|(uuid, id)| (id, DeviceId(uuid)))
        .collect();
    let rows = device_health::Entity::find()
        .filter(device_health::Column::DeviceId.is_in(uuids.keys().copied()))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((*uuids.get(&row.device_id)?, of_row(row))))
        .filter(|(_, troubles)| !troubles.is_empty())
        .collect())
}

fn of_row(row: &device_health::Model) -> Vec<Trouble> {
    let flapping = row.flapping_since_ms.map(|since| Trouble::Flapping {
        connections: row
            .flapping_connections
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0),
        since: TimestampMs(since),
    });
    let clock = row.skewed_since_ms.map(|since| Trouble::Clock {
        ahead_ms: row.skew_ms.unwrap_or(0),
        since: TimestampMs(since),
    });
    flapping.into_iter().chain(clock).collect()
}
