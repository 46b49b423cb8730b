//! What the rows of a list show beside the summaries of their devices.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use domain::{
    AppError, DeviceId, TimestampMs,
    finding::{RowExtra, RowValue, Trouble},
    identity::FindingState,
};
use entity::{device, device_health, identity_finding};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationDef,
    sea_query::{Expr, ExprTrait},
};

use super::{list, tags};
use crate::{Actor, Services, internal};

/// Values of the state that one row shows at most.
pub const MOST_KEYS: usize = 20;

/// Tags, troubles and these values of the state, at most [`MOST_KEYS`], in the order of the devices; of one that the actor
/// may not see there is nothing.
pub async fn extras(
    services: &Services,
    actor: &Actor,
    devices: &[DeviceId],
    keys: &[String],
) -> Result<Vec<RowExtra>, AppError> {
    if keys.len() > MOST_KEYS {
        return Err(AppError::invalid("columns", "too_many_columns"));
    }
    let kept = kept(services, actor, devices).await?;
    let seen = devices.iter().zip(&*kept);
    let seen: Vec<_> = seen
        .filter_map(|(device, extra)| extra.as_ref().map(|_| *device))
        .collect();
    let states = match keys.is_empty() {
        true => HashMap::new(),
        false => services.cache.get(&seen).await?,
    };
    Ok(devices
        .iter()
        .zip(&*kept)
        .map(|(device, extra)| {
            let state = states.get(device);
            let value = |key: &String| {
                let known = state?;
                Some(RowValue {
                    value: known.state.get(key)?.clone(),
                    forced: known.forced.contains_key(key),
                })
            };
            RowExtra {
                values: keys.iter().map(value).collect(),
                ..extra.clone().unwrap_or_default()
            }
        })
        .collect())
}

/// Tags and troubles, which hold until a device changes; `None` for one that the actor may not see.
async fn kept(
    services: &Services,
    actor: &Actor,
    devices: &[DeviceId],
) -> Result<Arc<Vec<Option<RowExtra>>>, AppError> {
    let mut question = format!("{} extras", list::scope(actor));
    for device in devices {
        let _ = write!(question, " {}", device.0.simple());
    }
    let read = async || {
        let seen = list::visible(services, actor, devices).await?;
        let mut tags = tags::of_many(services, &seen).await?;
        let mut troubles = troubles(services, &seen).await?;
        let seen: HashSet<DeviceId> = seen.into_iter().collect();
        let extra = |device: &DeviceId| {
            seen.contains(device).then(|| RowExtra {
                tags: tags.remove(device).unwrap_or_default(),
                troubles: troubles.remove(device).unwrap_or_default(),
                values: Vec::new(),
            })
        };
        Ok(devices.iter().map(extra).collect())
    };
    services.found().answer(services, question, read).await
}

/// What is wrong with one device, as it is kept.
#[derive(Debug, FromQueryResult)]
struct Row {
    uuid: uuid::Uuid,
    flapping_since_ms: Option<i64>,
    flapping_connections: Option<i32>,
    skewed_since_ms: Option<i64>,
    skew_ms: Option<i64>,
    in_doubt_since_ms: Option<i64>,
}

/// What is wrong with these devices now.
pub(super) async fn troubles(
    services: &Services,
    devices: &[DeviceId],
) -> Result<HashMap<DeviceId, Vec<Trouble>>, AppError> {
    use device_health::Column as Health;
    let health: RelationDef = device::Entity::belongs_to(device_health::Entity)
        .from(device::Column::Id)
        .to(Health::DeviceId)
        .into();
    let open = identity_finding::Entity::find()
        .select_only()
        .column(identity_finding::Column::OpenedMs)
        .filter(
            Expr::col((identity_finding::Entity, identity_finding::Column::DeviceId))
                .equals((device::Entity, device::Column::Id)),
        )
        .filter(identity_finding::Column::State.eq(FindingState::Open.as_str()))
        .order_by_asc(identity_finding::Column::OpenedMs)
        .limit(1)
        .into_query();
    let rows = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .columns([Health::FlappingSinceMs, Health::FlappingConnections])
        .columns([Health::SkewedSinceMs, Health::SkewMs])
        .expr_as(open.clone(), "in_doubt_since_ms")
        .join(JoinType::LeftJoin, health)
        .filter(
            Condition::any()
                .add(Health::FlappingSinceMs.is_not_null())
                .add(Health::SkewedSinceMs.is_not_null())
                .add(Expr::exists(open)),
        )
        .filter(device::Column::Uuid.is_in(devices.iter().map(|id| id.0)))
        .into_model::<Row>()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .iter()
        .map(|row| (DeviceId(row.uuid), of_row(row)))
        .collect())
}

fn of_row(row: &Row) -> Vec<Trouble> {
    let identity = row.in_doubt_since_ms.map(|since| Trouble::Identity {
        since: TimestampMs(since),
    });
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
    identity.into_iter().chain(flapping).chain(clock).collect()
}
