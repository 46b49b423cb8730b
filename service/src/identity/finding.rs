//! Findings as people see them: the list, and one with what was known beside what was said.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, Page, TimestampMs,
    device::Lifecycle,
    identity::{Act, Evidence, Finding, FindingKind, FindingState, Reaction, Traits},
};
use entity::{device, identity_finding, user};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{
    act,
    quarantine::{self, UNDO_MS},
};
use crate::{Admin, Services, internal};

const PAGE_SIZE: u32 = 50;
/// The speaker of a finding that no identity told of.
pub const REUSED: &str = "sequence_reused";
/// As [`REUSED`]: its enrolment code was used with another key, with whichever.
pub const KEY: &str = "another_key";

/// One page of the findings, newest first: of this state and kind, and of devices whose name, serial number or UUID
/// holds `search`.
pub async fn list(
    services: &Services,
    _admin: &Admin,
    state: Option<FindingState>,
    kind: Option<FindingKind>,
    search: &str,
    page: u32,
) -> Result<Page<Finding>, AppError> {
    use identity_finding::{Column, Entity};
    let db = &services.db.read;
    let mut query = Entity::find()
        .order_by_desc(Column::LastMs)
        .order_by_desc(Column::Id);
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    if let Some(kind) = kind {
        query = query.filter(Column::Kind.eq(kind.as_str()));
    }
    if !search.trim().is_empty() {
        query = query.filter(Column::DeviceId.in_subquery(crate::devices::named(search)));
    }
    let total = query.clone().count(db).await.map_err(internal)?;
    let page = page.max(1);
    let rows = query
        .offset(u64::from(page - 1) * u64::from(PAGE_SIZE))
        .limit(u64::from(PAGE_SIZE))
        .all(db)
        .await
        .map_err(internal)?;
    Ok(Page {
        items: shown(services, db, rows).await?,
        total,
        page,
        page_size: PAGE_SIZE,
    })
}

/// What was decided before this moment cannot be undone any more.
pub(crate) fn settled_before(now: TimestampMs) -> i64 {
    now.0 - UNDO_MS
}

/// How many findings wait for a decision.
pub async fn open_count(services: &Services, _admin: &Admin) -> Result<u64, AppError> {
    identity_finding::Entity::find()
        .filter(identity_finding::Column::State.eq(FindingState::Open.as_str()))
        .count(&services.db.read)
        .await
        .map_err(internal)
}

/// One finding.
pub async fn read(services: &Services, _admin: &Admin, id: i64) -> Result<Finding, AppError> {
    let row = row(&services.db.read, id).await?;
    one(services, &services.db.read, row).await
}

pub(super) async fn row<C: ConnectionTrait>(
    connection: &C,
    id: i64,
) -> Result<identity_finding::Model, AppError> {
    identity_finding::Entity::find_by_id(id)
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

pub(super) async fn one<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: identity_finding::Model,
) -> Result<Finding, AppError> {
    let found = shown(services, connection, vec![row]).await?.pop();
    found.ok_or(AppError::NotFound)
}

async fn shown<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    rows: Vec<identity_finding::Model>,
) -> Result<Vec<Finding>, AppError> {
    let ids = rows
        .iter()
        .flat_map(|row| [Some(row.device_id), row.other_device_id]);
    let devices: HashMap<i64, device::Model> = device::Entity::find()
        .filter(device::Column::Id.is_in(ids.flatten()))
        .all(connection)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let people: HashMap<uuid::Uuid, String> = user::Entity::find()
        .filter(user::Column::Id.is_in(rows.iter().filter_map(|row| row.resolved_by)))
        .all(connection)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|row| (row.id, row.name))
        .collect();
    let mut findings = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(device) = devices.get(&row.device_id) else {
            continue;
        };
        let may_undo = match act::decision(services, connection, &row, device, None).await {
            Ok(_) => true,
            Err(AppError::Conflict { .. }) => false,
            Err(error) => return Err(error),
        };
        let (known, said): (Traits, Traits) = (read_traits(&row.known)?, read_traits(&row.said)?);
        findings.push(Finding {
            id: row.id,
            device: DeviceId(device.uuid),
            device_name: device.name.clone(),
            other: row
                .other_device_id
                .and_then(|id| devices.get(&id))
                .map(|other| (DeviceId(other.uuid), other.name.clone())),
            kind: FindingKind::parse(&row.kind).ok_or_else(|| internal("a finding's kind"))?,
            evidence: evidence(&row.speaker, &known, &said),
            state: FindingState::parse(&row.state).ok_or_else(|| internal("a finding's state"))?,
            reaction: Reaction::parse(&row.reaction)
                .ok_or_else(|| internal("a finding's reaction"))?,
            act: row.act.as_deref().and_then(Act::parse),
            by: row.resolved_by.and_then(|id| people.get(&id).cloned()),
            resolved_at: row.resolved_ms.map(TimestampMs),
            known,
            said,
            opened_at: TimestampMs(row.opened_ms),
            last_at: TimestampMs(row.last_ms),
            count: u32::try_from(row.count).unwrap_or(1),
            held: quarantine::held(connection, row.id).await?,
            claimed: device.lifecycle == Lifecycle::Active.as_str(),
            may_undo,
        });
    }
    Ok(findings)
}

fn read_traits(json: &serde_json::Value) -> Result<Traits, AppError> {
    serde_json::from_value(json.clone()).map_err(internal)
}

fn evidence(speaker: &str, known: &Traits, said: &Traits) -> Evidence {
    match speaker {
        REUSED => Evidence::SequenceReused,
        key if key.starts_with(KEY) => Evidence::AnotherKey,
        _ if known.cpu_serial == said.cpu_serial
            && known.storage_id == said.storage_id
            && known.uuid == said.uuid =>
        {
            Evidence::TakesTurns
        }
        _ => Evidence::Traits,
    }
}
