//! The rows of a list: what holds until a device changes is kept, what its reports and its presence change is read
//! each time.

use std::{collections::HashMap, sync::Arc};

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{
        DeviceKind, DeviceSummary, Headline, Lifecycle, Presence, PresenceCause, PresenceInfo,
        StateMap,
    },
    event::EventKind,
};
use entity::{device, device_access, device_live, user};
use protocol::Scalar;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait as _, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    Select,
    sea_query::{Expr, IntoCondition as _},
};
use uuid::Uuid;

use super::list::{scope, to_live, visible_to};
use crate::{Actor, Services, internal, state_cache::CachedState};

/// Which values a list row leads with, and their units; the first that a device has.
const BOARD: &[(&str, &str)] = &[
    ("dht22_temp", "°C"),
    ("ds18b20_temp", "°C"),
    ("soil_moisture", "%"),
    ("light_lux", "lx"),
    ("temperature_celsius", "°C"),
    ("cpu_average", "%"),
];
const COMPUTER: &[(&str, &str)] = &[
    ("cpu_average", "%"),
    ("memory_percent", "%"),
    ("temperature_celsius", "°C"),
];

/// A device as one person sees it, without what its reports and its presence change.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Row {
    pub id: i64,
    pub uuid: Uuid,
    pub cpu_serial: String,
    pub kind: String,
    pub hardware_version: String,
    pub hardware_variant: String,
    pub name: String,
    pub lifecycle: String,
    pub owner_email: Option<String>,
    pub nickname: Option<String>,
    pub agent_version: Option<String>,
}

/// What its reports and its presence change. The revision counts both, so that all of it is read in one statement.
#[derive(Debug, FromQueryResult)]
struct Moving {
    id: i64,
    presence: String,
    presence_cause: String,
    presence_since_ms: i64,
    revision: Option<i64>,
    last_received_ms: Option<i64>,
    refused_recently: Option<i64>,
}

/// These devices, which the actor may see, in this order.
pub(super) async fn of_page(
    services: &Services,
    actor: &Actor,
    ids: &[i64],
) -> Result<Arc<Vec<Row>>, AppError> {
    let question = format!("{} rows {ids:?}", scope(actor));
    let read = async || {
        let rows = selected(actor)
            .filter(device::Column::Id.is_in(ids.iter().copied()))
            .into_model::<Row>()
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let mut rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
        let ordered = ids.iter().filter_map(|id| rows.remove(id));
        Ok(ordered.collect())
    };
    services.found().answer(services, question, read).await
}

/// These devices as far as the actor may see them, with their internal ids, in any order.
pub(super) async fn of_ids(
    services: &Services,
    actor: &Actor,
    ids: &[i64],
) -> Result<Vec<(i64, DeviceSummary)>, AppError> {
    let rows = selected(actor)
        .filter(visible_to(actor))
        .filter(device::Column::Id.is_in(ids.iter().copied()))
        .into_model::<Row>()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    summaries(services, actor, &rows).await
}

/// The one row of a device, as this person sees it.
pub(super) async fn row_of(services: &Services, actor: &Actor, id: i64) -> Result<Row, AppError> {
    selected(actor)
        .filter(device::Column::Id.eq(id))
        .into_model::<Row>()
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

/// Completes rows to what the list shows this person; without those that are gone by now.
pub(super) async fn summaries(
    services: &Services,
    actor: &Actor,
    rows: &[Row],
) -> Result<Vec<(i64, DeviceSummary)>, AppError> {
    let mut moving = moving(services, rows).await?;
    let states = states(services, rows).await?;
    let headlines = headlines(services, rows, &states).await?;
    rows.iter()
        .zip(headlines)
        .filter_map(|(row, headline)| {
            let moving = moving.remove(&row.id)?;
            Some(summary(actor, row, &moving, headline).map(|summary| (row.id, summary)))
        })
        .collect()
}

async fn moving(services: &Services, rows: &[Row]) -> Result<HashMap<i64, Moving>, AppError> {
    let read = device::Entity::find()
        .select_only()
        .columns([
            device::Column::Id,
            device::Column::Presence,
            device::Column::PresenceCause,
            device::Column::PresenceSinceMs,
        ])
        .columns([
            device_live::Column::Revision,
            device_live::Column::LastReceivedMs,
            device_live::Column::RefusedRecently,
        ])
        .join(JoinType::LeftJoin, to_live())
        .filter(device::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .into_model::<Moving>()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(read.into_iter().map(|row| (row.id, row)).collect())
}

/// The states of these devices, from the cache where it has them.
pub(super) async fn states(
    services: &Services,
    rows: &[Row],
) -> Result<HashMap<DeviceId, CachedState>, AppError> {
    let ids: Vec<DeviceId> = rows.iter().map(|row| DeviceId(row.uuid)).collect();
    let mut states = services.cache.get(&ids).await?;
    let missing: HashMap<i64, DeviceId> = rows
        .iter()
        .filter(|row| !states.contains_key(&DeviceId(row.uuid)))
        .map(|row| (row.id, DeviceId(row.uuid)))
        .collect();
    if missing.is_empty() {
        return Ok(states);
    }
    let stored = device_live::Entity::find()
        .filter(device_live::Column::DeviceId.is_in(missing.keys().copied()))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut found = Vec::new();
    for live in stored {
        if let Some(device) = missing.get(&live.device_id) {
            found.push((*device, crate::telemetry::state_of(&live)));
        }
    }
    // One that has never reported is known too, until it does.
    let silent = missing
        .values()
        .filter(|id| !found.iter().any(|(known, _)| known == *id))
        .map(|id| (*id, CachedState::default()))
        .collect::<Vec<_>>();
    found.extend(silent);
    services.cache.put(found.clone()).await?;
    states.extend(found);
    Ok(states)
}

/// The state of one device, from the cache where it has it.
pub(crate) async fn state(
    services: &Services,
    id: i64,
    uuid: DeviceId,
) -> Result<CachedState, AppError> {
    if let Some(known) = services.cache.get(&[uuid]).await?.remove(&uuid) {
        return Ok(known);
    }
    let stored = device_live::Entity::find_by_id(id)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(stored
        .map(|live| crate::telemetry::state_of(&live))
        .unwrap_or_default())
}

fn selected(actor: &Actor) -> Select<device::Entity> {
    let own = device::Entity::belongs_to(device_access::Entity)
        .from(device::Column::Id)
        .to(device_access::Column::DeviceId);
    let person = actor.user.id.0;
    device::Entity::find()
        .select_only()
        .columns([
            device::Column::Id,
            device::Column::Uuid,
            device::Column::CpuSerial,
            device::Column::Kind,
            device::Column::HardwareVersion,
            device::Column::HardwareVariant,
            device::Column::Name,
            device::Column::Lifecycle,
            device::Column::AgentVersion,
        ])
        .column_as(user::Column::Email, "owner_email")
        .column(device_access::Column::Nickname)
        .join(
            JoinType::LeftJoin,
            device::Entity::belongs_to(user::Entity)
                .from(device::Column::OwnerId)
                .to(user::Column::Id)
                .into(),
        )
        .join(
            JoinType::LeftJoin,
            own.on_condition(move |_, access| {
                Expr::col((access, device_access::Column::UserId))
                    .eq(person)
                    .into_condition()
            })
            .into(),
        )
}

async fn headlines(
    services: &Services,
    rows: &[Row],
    states: &HashMap<DeviceId, CachedState>,
) -> Result<Vec<Option<Headline>>, AppError> {
    let leads: Vec<Option<(String, Scalar, &str)>> = rows
        .iter()
        .map(|row| lead(row, &states.get(&DeviceId(row.uuid))?.state))
        .collect();
    let wanted: Vec<(i64, &str)> = rows
        .iter()
        .zip(&leads)
        .filter_map(|(row, lead)| Some((row.id, lead.as_ref()?.0.as_str())))
        .collect();
    let mut lines = services.sparklines().last_hour(services, &wanted).await?;
    Ok(rows
        .iter()
        .zip(leads)
        .map(|(row, lead)| {
            let (key, value, unit) = lead?;
            let state = states.get(&DeviceId(row.uuid));
            let forced = state.is_some_and(|state| state.forced.contains_key(&key));
            Some(Headline {
                key,
                value,
                forced,
                unit: unit.to_owned(),
                last_hour: lines.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect())
}

fn lead(row: &Row, state: &StateMap) -> Option<(String, Scalar, &'static str)> {
    let preferred = match DeviceKind::parse(&row.kind) {
        Some(DeviceKind::Computer) => COMPUTER,
        _ => BOARD,
    };
    preferred
        .iter()
        .find_map(|(key, unit)| Some(((*key).to_owned(), state.get(*key)?.clone(), *unit)))
        .or_else(|| {
            state
                .iter()
                .find(|(_, value)| matches!(value, Scalar::Number(_)))
                .map(|(key, value)| (key.clone(), value.clone(), ""))
        })
}

fn presence_of(moving: &Moving) -> Result<PresenceInfo, AppError> {
    let unknown = |what: &str, value: &str| internal(format!("the {what} `{value}` is unknown"));
    Ok(PresenceInfo {
        presence: Presence::parse(&moving.presence)
            .ok_or_else(|| unknown("presence", &moving.presence))?,
        cause: PresenceCause::parse(&moving.presence_cause)
            .ok_or_else(|| unknown("cause", &moving.presence_cause))?,
        since: TimestampMs(moving.presence_since_ms),
    })
}

fn summary(
    actor: &Actor,
    row: &Row,
    moving: &Moving,
    headline: Option<Headline>,
) -> Result<DeviceSummary, AppError> {
    let unknown = |what: &str, value: &str| internal(format!("the {what} `{value}` is unknown"));
    let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let refused = u32::try_from(count(moving.refused_recently)).unwrap_or(u32::MAX);
    Ok(DeviceSummary {
        id: DeviceId(row.uuid),
        name: row.nickname.as_ref().unwrap_or(&row.name).clone(),
        kind: DeviceKind::parse(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
        lifecycle: Lifecycle::parse(&row.lifecycle)
            .ok_or_else(|| unknown("lifecycle", &row.lifecycle))?,
        presence: presence_of(moving)?,
        cpu_serial: row.cpu_serial.clone(),
        hardware_version: row.hardware_version.clone(),
        hardware_variant: row.hardware_variant.clone(),
        owner: row
            .owner_email
            .as_ref()
            .and_then(|email| email.parse().ok()),
        agent_version: row.agent_version.clone(),
        last_report_at: moving.last_received_ms.map(TimestampMs),
        headline,
        refused_recently: actor.is_told(EventKind::Refused).then_some(refused),
        revision: count(moving.revision),
    })
}
