//! The device list: filtered, sorted and paged in the database.

use std::{collections::HashMap, sync::Arc};

use domain::{
    AppError, DeviceId, Page,
    device::{DeviceQuery, DeviceSort, DeviceSummary, Lifecycle, Presence, PresenceCounts},
};
use entity::{device, device_access, device_live};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationDef, Select,
};
use uuid::Uuid;

use super::{matching, rows};
use crate::{Actor, Services, internal};

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
    let rows = rows::of_page(services, actor, &ids).await?;
    let summaries = rows::summaries(services, actor, &rows).await?;
    Ok(Page {
        items: summaries.into_iter().map(|(_, device)| device).collect(),
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
    let question = question(actor, query);
    let counted = services.found().answer(services, question, async || {
        device::Entity::find()
            .filter(filter(services, actor, query).await?)
            .count(&services.db.read)
            .await
            .map_err(internal)
    });
    counted.await.map(|total| *total)
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
        sorted(
            ordered(query).filter(filter(services, actor, query).await?),
            query,
        )
        .offset(u64::from(page - 1) * u64::from(page_size))
        .limit(u64::from(page_size))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)
    };
    match query.sort {
        // This order changes with every report.
        DeviceSort::LastReport => found().await.map(Arc::new),
        sort => {
            let of_page = format!(
                "{} {sort:?} {} {page} {page_size}",
                question(actor, query),
                query.reverse
            );
            services.found().answer(services, of_page, found).await
        }
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
    let counted = services
        .found()
        .answer(services, question, async || count(services, actor).await);
    counted.await.map(|counts| PresenceCounts::clone(&counts))
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
