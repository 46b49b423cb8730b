//! A device's page: head, state and what happened to it.

use std::collections::BTreeMap;

use domain::{
    AppError, DeviceId, TimestampMs,
    component::Component,
    device::{DeviceDetail, Lifecycle, SaidNetwork},
    event::{DeviceEvent, EventKind, RefusalCount, RefusalReason},
    role::DeviceRole,
};
use entity::{certificate, device, device_event, device_live, refusal};
use protocol::identity::Network;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::{
    delete::is_unused,
    rows::{row_of, states, summaries},
};
use crate::{Actor, Admin, Services, ViewerOf, components, events as log, internal};

const MOST_EVENTS: u32 = 200;

/// What a device is called: by one's own name for it, else by the site's.
pub async fn name(services: &Services, viewer: &ViewerOf) -> Result<String, AppError> {
    let row = row_of(services, viewer.actor(), viewer.device().id).await?;
    Ok(row.nickname.unwrap_or(row.name))
}

/// Everything the head and the state tiles of a device's page show.
pub async fn detail(services: &Services, viewer: &ViewerOf) -> Result<DeviceDetail, AppError> {
    let id = viewer.device().id;
    let db = &services.db.read;
    let row = row_of(services, viewer.actor(), id).await?;
    // Its revision before the state: a change that is told again changes nothing, one that is missed would.
    let (_, summary) = summaries(services, viewer.actor(), std::slice::from_ref(&row))
        .await?
        .pop()
        .ok_or(AppError::NotFound)?;
    let cached = states(services, std::slice::from_ref(&row))
        .await?
        .remove(&viewer.device().uuid)
        .unwrap_or_default();
    let whole = device::Entity::find_by_id(id)
        .one(db)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let live = device_live::Entity::find_by_id(id)
        .one(db)
        .await
        .map_err(internal)?;
    let certificate = certificate::Entity::find()
        .filter(certificate::Column::DeviceId.eq(id))
        .filter(certificate::Column::RevokedMs.is_null())
        .order_by_desc(certificate::Column::IssuedMs)
        .one(db)
        .await
        .map_err(internal)?;
    let lifecycle = summary.lifecycle;
    let role = viewer.role();
    let admin = viewer.actor().user.role.is_admin();
    let owner = role == Some(DeviceRole::Owner);
    let os = whole
        .identity
        .as_ref()
        .and_then(|identity| identity.pointer("/versions/os")?.as_str())
        .map(ToOwned::to_owned);
    let network = network_of(&whole);
    let components = components::described(db, id).await?;
    let may_delete = admin && is_unused(&whole);
    Ok(DeviceDetail {
        summary,
        site_name: whole.name,
        my_role: role,
        may_command: lifecycle == Lifecycle::Active
            && (owner || viewer.actor().user.role.sees_all_devices()),
        may_manage: lifecycle != Lifecycle::Revoked && (owner || admin),
        may_give_up: admin || whole.owner_id == Some(viewer.actor().user.id.0),
        may_delete,
        state: of_attached(cached.state, &components),
        state_at: of_attached(cached.state_at, &components),
        forced: of_attached(cached.forced, &components),
        components,
        desired: crate::twin::desired(services, viewer).await?,
        report_interval_ms: whole.report_interval_ms,
        keep_reports_days: whole
            .keep_reports_days
            .and_then(|days| u32::try_from(days).ok()),
        clock_skew_ms: live.as_ref().and_then(|live| live.clock_skew_ms),
        os,
        network,
        created_at: TimestampMs(whole.created_ms),
        claimed_at: whole.claimed_ms.map(TimestampMs),
        certificate_expires_at: certificate.map(|row| TimestampMs(row.expires_ms)),
        refusals: match viewer.actor().require_admin() {
            Ok(admin) => Some(refusals(services, &admin, id).await?),
            Err(_) => None,
        },
        duplicates: live
            .and_then(|live| u64::try_from(live.duplicates).ok())
            .unwrap_or(0),
    })
}

/// The network that a device said it is on; what it said before it was claimed may be a former owner's.
fn network_of(device: &device::Model) -> Option<SaidNetwork> {
    let said_ms = device.identity_ms?;
    if device.claimed_ms.is_some_and(|claimed| said_ms < claimed) {
        return None;
    }
    let said = device.identity.as_ref()?.get("network")?;
    let network: Network = serde_json::from_value(said.clone()).ok()?;
    Some(SaidNetwork {
        interface: network.interface().map(ToOwned::to_owned),
        ssid: network.ssid().map(ToOwned::to_owned),
        said_at: TimestampMs(said_ms),
    })
}

/// What stands in the state without what was detached; what is no component's is the server's own.
fn of_attached<T>(state: BTreeMap<String, T>, attached: &[Component]) -> BTreeMap<String, T> {
    let is_own = |key: &str| key == "device_status" || key.starts_with("ota_");
    let mut state = state;
    state.retain(|key, _| {
        let keys = attached.iter().map(|component| component.key.as_str());
        is_own(key) || components::owner_of_key(keys, key).is_some()
    });
    state
}

/// What happened to a device, newest first, before event `before` where given.
pub async fn events(
    services: &Services,
    viewer: &ViewerOf,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<DeviceEvent>, AppError> {
    let rows = device_event::Entity::find()
        .filter(device_event::Column::DeviceId.eq(viewer.device().id))
        .filter(device_event::Column::AtMs.gte(viewer.history_from_ms))
        .filter(told_to(viewer.actor()))
        .apply_if(before, |query, before| {
            query.filter(device_event::Column::Id.lt(before))
        })
        .order_by_desc(device_event::Column::Id)
        .limit(u64::from(limit.clamp(1, MOST_EVENTS)))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().filter_map(log::from_row).collect())
}

/// The latest events of all devices that the actor may see, newest first.
pub async fn latest_events(
    services: &Services,
    actor: &Actor,
    limit: u32,
) -> Result<Vec<(DeviceId, String, DeviceEvent)>, AppError> {
    let to_device = device_event::Entity::belongs_to(device::Entity)
        .from(device_event::Column::DeviceId)
        .to(device::Column::Id)
        .into();
    let mut filter = told_to(actor);
    if !actor.user.role.sees_all_devices() {
        use entity::device_access::{Column, Entity};
        let theirs = Entity::find()
            .select_only()
            .column(Column::DeviceId)
            .filter(Column::UserId.eq(actor.user.id.0))
            .filter(Column::Role.is_not_null())
            .into_query();
        // What happened to a former owner's device is not the new one's business.
        let since_claim = Expr::col((device_event::Entity, device_event::Column::AtMs))
            .gte(Expr::col((device::Entity, device::Column::ClaimedMs)));
        filter = filter
            .add(device_event::Column::DeviceId.in_subquery(theirs))
            .add(since_claim);
    }
    let rows = device_event::Entity::find()
        .join(JoinType::InnerJoin, to_device)
        .select_also(device::Entity)
        .filter(filter)
        .order_by_desc(device_event::Column::Id)
        .limit(u64::from(limit.clamp(1, MOST_EVENTS)))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .filter_map(|(row, device)| {
            let device = device?;
            Some((DeviceId(device.uuid), device.name, log::from_row(row)?))
        })
        .collect())
}

/// Which events this person is told of: the security log is the administrators'.
fn told_to(actor: &Actor) -> Condition {
    let untold = EventKind::ALL.iter().filter(|kind| !actor.is_told(**kind));
    let untold = untold.map(|kind| kind.as_str());
    Condition::all().add(device_event::Column::Kind.is_not_in(untold))
}

async fn refusals(
    services: &Services,
    _: &Admin,
    device: i64,
) -> Result<Vec<RefusalCount>, AppError> {
    let rows = refusal::Entity::find()
        .filter(refusal::Column::DeviceId.eq(device))
        .order_by_desc(refusal::Column::Count)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(RefusalCount {
                reason: RefusalReason::parse(&row.reason)?,
                count: u64::try_from(row.count).unwrap_or(0),
                last_at: TimestampMs(row.last_ms),
            })
        })
        .collect())
}
