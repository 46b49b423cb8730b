//! The device list: filtered, sorted and paged in the database, a page's details read in one go each.

use std::{collections::HashMap, sync::Arc};

use domain::{
    AppError, DeviceId, Page, TimestampMs,
    device::{
        DeviceKind, DeviceQuery, DeviceSort, DeviceSummary, Headline, Lifecycle, Presence,
        PresenceCause, PresenceCounts, PresenceInfo, StateMap,
    },
    event::EventKind,
};
use entity::{device, device_access, device_live, user};
use protocol::Scalar;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait as _, FromQueryResult, JoinType, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, RelationDef, Select,
    sea_query::{Expr, IntoCondition as _},
};
use uuid::Uuid;

use super::{found::Answer, matching};
use crate::{Actor, Services, internal};

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

#[derive(Debug, FromQueryResult)]
pub(super) struct Row {
    pub id: i64,
    pub uuid: Uuid,
    pub cpu_serial: String,
    pub kind: String,
    pub hardware_version: String,
    pub hardware_variant: String,
    pub name: String,
    pub lifecycle: String,
    pub presence: String,
    pub presence_cause: String,
    pub presence_since_ms: i64,
    pub owner_email: Option<String>,
    pub nickname: Option<String>,
    pub agent_version: Option<String>,
    pub revision: Option<i64>,
    pub last_received_ms: Option<i64>,
    pub refused_recently: Option<i64>,
}

/// One page of the devices that the actor may see.
pub async fn list(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
) -> Result<Page<DeviceSummary>, AppError> {
    let page = Ord::max(query.page, 1);
    let page_size = query.page_size.clamp(10, 200);
    let total = total(services, actor, query);
    let ids = ids(services, actor, query, page, page_size);
    let (total, ids) = futures::future::try_join(total, ids).await?;
    let rows = sorted(
        selected(actor).filter(device::Column::Id.is_in(ids.iter().copied())),
        query,
    )
    .into_model::<Row>()
    .all(&services.db.read)
    .await
    .map_err(internal)?;
    Ok(Page {
        items: summaries(services, actor, rows).await?,
        total,
        page,
        page_size,
    })
}

/// The same, and the last page where the one that is asked for lies behind it: its devices may have left the
/// list meanwhile.
pub async fn list_within(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
) -> Result<Page<DeviceSummary>, AppError> {
    let found = list(services, actor, query).await?;
    let page = found.last();
    if found.page <= page {
        return Ok(found);
    }
    let last = DeviceQuery {
        page,
        ..query.clone()
    };
    list(services, actor, &last).await
}

/// The ids of all that a query finds, in its order.
pub(super) async fn all_ids(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
) -> Result<Vec<i64>, AppError> {
    sorted(
        ordered(query).filter(filter(services, actor, query).await?),
        query,
    )
    .into_tuple()
    .all(&services.db.read)
    .await
    .map_err(internal)
}

/// These devices, which the actor may see, in any order.
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
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let summaries = summaries(services, actor, rows).await?;
    Ok(ids.into_iter().zip(summaries).collect())
}

/// Ids, with the tables that their order is read from.
fn ordered(query: &DeviceQuery) -> Select<device::Entity> {
    let ids = device::Entity::find()
        .select_only()
        .column(device::Column::Id);
    match query.sort {
        DeviceSort::LastReport => ids.join(JoinType::LeftJoin, to_live()),
        _ => ids,
    }
}

/// How many devices the query finds.
async fn total(services: &Services, actor: &Actor, query: &DeviceQuery) -> Result<u64, AppError> {
    let counted = services
        .found()
        .answer(services, question(actor, query), async || {
            let counted = device::Entity::find()
                .filter(filter(services, actor, query).await?)
                .count(&services.db.read);
            counted.await.map(Answer::Total).map_err(internal)
        });
    match counted.await? {
        Answer::Total(total) => Ok(total),
        _ => Err(internal("another question was answered")),
    }
}

/// The ids of one page in their order.
async fn ids(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
    page: u32,
    page_size: u32,
) -> Result<Arc<Vec<i64>>, AppError> {
    let found = async || {
        let ids: Vec<i64> = sorted(
            ordered(query).filter(filter(services, actor, query).await?),
            query,
        )
        .offset(u64::from(page - 1) * u64::from(page_size))
        .limit(u64::from(page_size))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
        Ok(Answer::Ids(Arc::new(ids)))
    };
    let answer = match query.sort {
        // This order changes with every report.
        DeviceSort::LastReport => found().await?,
        sort => {
            let of_page = format!(
                "{} {sort:?} {} {page} {page_size}",
                question(actor, query),
                query.reverse
            );
            services.found().answer(services, of_page, found).await?
        }
    };
    match answer {
        Answer::Ids(ids) => Ok(ids),
        _ => Err(internal("another question was answered")),
    }
}

/// What distinguishes one search from another, for this person.
fn question(actor: &Actor, query: &DeviceQuery) -> String {
    format!(
        "{} {:?} {:?} {:?} {}",
        scope(actor),
        query.lifecycle,
        query.presence,
        query.kind,
        query.search
    )
}

/// How many of the actor's devices there are of each status.
pub async fn counts(services: &Services, actor: &Actor) -> Result<PresenceCounts, AppError> {
    let question = format!("{} by status", scope(actor));
    let counted = services.found().answer(services, question, async || {
        count(services, actor).await.map(Answer::ByStatus)
    });
    match counted.await? {
        Answer::ByStatus(counts) => Ok(counts),
        _ => Err(internal("another question was answered")),
    }
}

/// Whose devices are counted: all who may see all of them ask the same.
pub(super) fn scope(actor: &Actor) -> String {
    match actor.user.role.sees_all_devices() {
        // A search finds nicknames too, and those are a person's own.
        true => format!("all, by {}", actor.user.id),
        false => format!("those of {}", actor.user.id),
    }
}

async fn count(services: &Services, actor: &Actor) -> Result<PresenceCounts, AppError> {
    let groups: Vec<(String, String, i64)> = device::Entity::find()
        .select_only()
        .column(device::Column::Lifecycle)
        .column(device::Column::Presence)
        .column_as(device::Column::Id.count(), "devices")
        .filter(visible_to(actor))
        .group_by(device::Column::Lifecycle)
        .group_by(device::Column::Presence)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut counts = PresenceCounts::default();
    for (lifecycle, presence, devices) in groups {
        let count = match (Lifecycle::parse(&lifecycle), Presence::parse(&presence)) {
            (Some(Lifecycle::Unclaimed), _) => &mut counts.unclaimed,
            (Some(Lifecycle::Revoked), _) => &mut counts.revoked,
            (_, Some(Presence::Online)) => &mut counts.online,
            (_, Some(Presence::Timeout)) => &mut counts.timeout,
            _ => &mut counts.offline,
        };
        *count += u64::try_from(devices).unwrap_or(0);
    }
    Ok(counts)
}

/// Which of these devices the actor may see.
pub async fn visible(
    services: &Services,
    actor: &Actor,
    ids: &[DeviceId],
) -> Result<Vec<DeviceId>, AppError> {
    let rows: Vec<Uuid> = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .filter(device::Column::Uuid.is_in(ids.iter().map(|id| id.0)))
        .filter(visible_to(actor))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(DeviceId).collect())
}

/// The revisions of those of these devices that the actor may see, the oldest that somebody who reads now may be given:
/// a change that is told again changes nothing, one that is missed would.
pub async fn revisions(
    services: &Services,
    actor: &Actor,
    ids: &[DeviceId],
) -> Result<HashMap<DeviceId, u64>, AppError> {
    let rows: Vec<(Uuid, Option<i64>)> = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .column(device_live::Column::Revision)
        .join(JoinType::LeftJoin, to_live())
        .filter(device::Column::Uuid.is_in(ids.iter().map(|id| id.0)))
        .filter(visible_to(actor))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let cached = services.cache.get(ids).await?;
    let revision = |(uuid, stored): (Uuid, Option<i64>)| {
        let device = DeviceId(uuid);
        let stored = stored.and_then(|revision| u64::try_from(revision).ok());
        let stored = stored.unwrap_or(0);
        let cached = cached.get(&device).map_or(stored, |known| known.revision);
        (device, Ord::min(cached, stored))
    };
    Ok(rows.into_iter().map(revision).collect())
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

/// Completes rows to what the list shows this person.
pub(super) async fn summaries(
    services: &Services,
    actor: &Actor,
    rows: Vec<Row>,
) -> Result<Vec<DeviceSummary>, AppError> {
    let states = states(services, &rows).await?;
    let headlines = headlines(services, &rows, &states).await?;
    rows.into_iter()
        .zip(headlines)
        .map(|(row, headline)| summary(actor, row, headline))
        .collect()
}

/// The states of these devices, from the cache where it has them.
pub(super) async fn states(
    services: &Services,
    rows: &[Row],
) -> Result<HashMap<DeviceId, crate::state_cache::CachedState>, AppError> {
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
        .map(|id| (*id, crate::state_cache::CachedState::default()))
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
) -> Result<crate::state_cache::CachedState, AppError> {
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
            device::Column::Presence,
            device::Column::PresenceCause,
            device::Column::PresenceSinceMs,
            device::Column::AgentVersion,
        ])
        .columns([
            device_live::Column::Revision,
            device_live::Column::LastReceivedMs,
            device_live::Column::RefusedRecently,
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
        .join(JoinType::LeftJoin, to_live())
}

pub(super) fn to_live() -> RelationDef {
    device::Entity::belongs_to(device_live::Entity)
        .from(device::Column::Id)
        .to(device_live::Column::DeviceId)
        .into()
}

fn sorted(select: Select<device::Entity>, query: &DeviceQuery) -> Select<device::Entity> {
    use device::Column;
    let turn = |order: Order| match (query.reverse, order) {
        (false, order) => order,
        (true, Order::Asc) => Order::Desc,
        (true, _) => Order::Asc,
    };
    let (up, down) = (turn(Order::Asc), turn(Order::Desc));
    match query.sort {
        DeviceSort::Severity => select
            .order_by(Column::StatusRank, up.clone())
            .order_by(Column::NameKey, up.clone())
            .order_by(Column::Id, up),
        DeviceSort::Name => select
            .order_by(Column::NameKey, up.clone())
            .order_by(Column::Id, up),
        DeviceSort::LastReport => select
            .order_by(device_live::Column::LastReceivedMs, down.clone())
            .order_by(Column::Id, down),
        DeviceSort::Version => select
            .order_by(Column::AgentVersion, up.clone())
            .order_by(Column::Id, up),
        DeviceSort::Created => select
            .order_by(Column::CreatedMs, down.clone())
            .order_by(Column::Id, down),
    }
}

/// What a device in the list must be.
async fn filter(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
) -> Result<Condition, AppError> {
    matching::whole(services, actor, &matching::filter_of(query)?).await
}

/// Administrators and developers see all; others what they have a role on.
pub(super) fn visible_to(actor: &Actor) -> Condition {
    if actor.user.role.sees_all_devices() {
        return Condition::all();
    }
    let theirs = device_access::Entity::find()
        .select_only()
        .column(device_access::Column::DeviceId)
        .filter(device_access::Column::UserId.eq(actor.user.id.0))
        .filter(device_access::Column::Role.is_not_null())
        .into_query();
    Condition::all().add(device::Column::Id.in_subquery(theirs))
}

async fn headlines(
    services: &Services,
    rows: &[Row],
    states: &HashMap<DeviceId, crate::state_cache::CachedState>,
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

fn presence_of(row: &Row) -> Result<PresenceInfo, AppError> {
    let unknown = |what: &str, value: &str| internal(format!("the {what} `{value}` is unknown"));
    Ok(PresenceInfo {
        presence: Presence::parse(&row.presence)
            .ok_or_else(|| unknown("presence", &row.presence))?,
        cause: PresenceCause::parse(&row.presence_cause)
            .ok_or_else(|| unknown("cause", &row.presence_cause))?,
        since: TimestampMs(row.presence_since_ms),
    })
}

fn summary(actor: &Actor, row: Row, headline: Option<Headline>) -> Result<DeviceSummary, AppError> {
    let unknown = |what: &str, value: &str| internal(format!("the {what} `{value}` is unknown"));
    let presence = presence_of(&row)?;
    Ok(DeviceSummary {
        id: DeviceId(row.uuid),
        name: row.nickname.unwrap_or(row.name),
        kind: DeviceKind::parse(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
        lifecycle: Lifecycle::parse(&row.lifecycle)
            .ok_or_else(|| unknown("lifecycle", &row.lifecycle))?,
        presence,
        cpu_serial: row.cpu_serial,
        hardware_version: row.hardware_version,
        hardware_variant: row.hardware_variant,
        owner: row.owner_email.and_then(|email| email.parse().ok()),
        agent_version: row.agent_version,
        last_report_at: row.last_received_ms.map(TimestampMs),
        headline,
        refused_recently: actor.is_told(EventKind::Refused).then(|| {
            row.refused_recently
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0)
        }),
        revision: row
            .revision
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0),
    })
}
