//! Writing changes of presence: many devices in one transaction, each with its event, told afterwards.

use std::collections::{BTreeMap, HashMap};

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{Lifecycle, Presence, PresenceCause, PresenceInfo},
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::{device, device_event, device_live};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::json;

use super::status_rank;
use crate::{Services, events, internal, telemetry::window::WINDOW_BYTES};

/// Devices in one transaction; SQLite takes some thousand parameters, and other writers wait for it.
pub const AT_ONCE: usize = 512;

/// What becomes of one device's presence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub device: DeviceId,
    from: Option<Presence>,
    to: Presence,
    cause: PresenceCause,
}

impl Change {
    pub(super) fn to(device: DeviceId, to: Presence, cause: PresenceCause) -> Self {
        Self {
            device,
            from: None,
            to,
            cause,
        }
    }

    pub(super) fn from_to(
        device: DeviceId,
        from: Presence,
        to: Presence,
        cause: PresenceCause,
    ) -> Self {
        Self {
            device,
            from: Some(from),
            to,
            cause,
        }
    }

    fn severity(&self) -> Severity {
        match self.to {
            Presence::Online => Severity::Info,
            _ if self.cause == PresenceCause::Disconnected => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

/// A device whose presence changed.
pub(super) struct Changed {
    pub row: device::Model,
    change: Change,
    revision: u64,
}

/// Writes changes of different devices and tells of them; gives the devices as they were, without those
/// that are unknown or not in the presence that their change starts from.
pub(super) async fn write(
    services: &Services,
    changes: &[Change],
) -> Result<Vec<Changed>, AppError> {
    let mut all = Vec::with_capacity(changes.len());
    for changes in changes.chunks(AT_ONCE) {
        let at = services.now();
        let (changed, rows) = store(services, changes, at).await.map_err(internal)?;
        let uuids: HashMap<i64, DeviceId> = changed
            .iter()
            .map(|c| (c.row.id, c.change.device))
            .collect();
        let presences = changed.iter().map(|changed| LiveEvent::Presence {
            device: changed.change.device,
            revision: changed.revision,
            presence: PresenceInfo {
                presence: changed.change.to,
                cause: changed.change.cause,
                since: at,
            },
        });
        let recorded = rows.into_iter().filter_map(|row| {
            let device = *uuids.get(&row.device_id?)?;
            let event = events::from_row(row)?;
            Some(LiveEvent::Event { device, event })
        });
        services
            .bus
            .publish(presences.chain(recorded).collect())
            .await;
        all.extend(changed);
    }
    Ok(all)
}

async fn store(
    services: &Services,
    changes: &[Change],
    at: TimestampMs,
) -> Result<(Vec<Changed>, Vec<device_event::Model>), DbErr> {
    let wanted: HashMap<uuid::Uuid, Change> = changes.iter().map(|c| (c.device.0, *c)).collect();
    let transaction = services.db.write.begin().await?;
    let shared = transaction.get_database_backend() != DbBackend::Sqlite;
    let mut query = device::Entity::find()
        .filter(device::Column::Uuid.is_in(wanted.keys().copied()))
        .order_by_asc(device::Column::Id);
    if shared {
        query = query.lock_exclusive();
    }
    let rows: Vec<(device::Model, Change)> = query
        .all(&transaction)
        .await?
        .into_iter()
        .filter_map(|row| {
            let change = *wanted.get(&row.uuid)?;
            let starts = change.from.is_none_or(|from| row.presence == from.as_str());
            starts.then_some((row, change))
        })
        .collect();
    if rows.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut alike: BTreeMap<(&str, &str, i16), Vec<i64>> = BTreeMap::new();
    for (row, change) in &rows {
        let lifecycle = Lifecycle::parse(&row.lifecycle).unwrap_or(Lifecycle::Active);
        let rank = status_rank(lifecycle, change.to);
        let key = (change.to.as_str(), change.cause.as_str(), rank);
        alike.entry(key).or_default().push(row.id);
    }
    for ((presence, cause, rank), ids) in alike {
        device::Entity::update_many()
            .col_expr(device::Column::Presence, presence.into())
            .col_expr(device::Column::PresenceCause, cause.into())
            .col_expr(device::Column::PresenceSinceMs, at.0.into())
            .col_expr(device::Column::StatusRank, rank.into())
            .filter(device::Column::Id.is_in(ids))
            .exec(&transaction)
            .await?;
    }
    let revisions = count_up(&transaction, &rows, shared).await?;
    let recorded = rows.iter().map(|(row, change)| device_event::ActiveModel {
        device_id: Set(Some(row.id)),
        at_ms: Set(at.0),
        kind: Set(EventKind::Presence.as_str().to_owned()),
        severity: Set(change.severity().as_str().to_owned()),
        detail: Set(json!({
            "presence": change.to.as_str(),
            "cause": change.cause.as_str(),
        })),
        count: Set(1),
        ..Default::default()
    });
    let recorded = device_event::Entity::insert_many(recorded)
        .exec_with_returning(&transaction)
        .await?;
    transaction.commit().await?;
    let changed = rows
        .into_iter()
        .map(|(row, change)| Changed {
            revision: revisions.get(&row.id).copied().unwrap_or_default(),
            row,
            change,
        })
        .collect();
    Ok((changed, recorded))
}

/// Counts the devices' revisions up; gives them by device.
async fn count_up(
    transaction: &DatabaseTransaction,
    rows: &[(device::Model, Change)],
    shared: bool,
) -> Result<HashMap<i64, u64>, DbErr> {
    use device_live::{ActiveModel, Column, Entity};
    let fresh = rows.iter().map(|(row, _)| ActiveModel {
        device_id: Set(row.id),
        ownership: Set(row.ownership),
        sequence_high: Set(-1),
        sequence_bits: Set(vec![0; WINDOW_BYTES]),
        state: Set(json!({})),
        revision: Set(0),
        duplicates: Set(0),
        refused_recently: Set(0),
        ..Default::default()
    });
    Entity::insert_many(fresh)
        .on_conflict(OnConflict::column(Column::DeviceId).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    let ids = || rows.iter().map(|(row, _)| row.id);
    if shared {
        // In the order in which the committer locks them.
        let ordered = Entity::find()
            .select_only()
            .column(Column::DeviceId)
            .filter(Column::DeviceId.is_in(ids()))
            .order_by_asc(Column::DeviceId)
            .lock_exclusive();
        ordered.into_tuple::<i64>().all(transaction).await?;
    }
    Entity::update_many()
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::DeviceId.is_in(ids()))
        .exec(transaction)
        .await?;
    let revisions: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .columns([Column::DeviceId, Column::Revision])
        .filter(Column::DeviceId.is_in(ids()))
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(revisions
        .into_iter()
        .map(|(id, revision)| (id, u64::try_from(revision).unwrap_or_default()))
        .collect())
}
