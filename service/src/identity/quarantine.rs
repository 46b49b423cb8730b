//! Reports kept apart: not in the state, the history or the rollups until it is certain who said them.

use std::{collections::BTreeMap, time::Duration};

use domain::{AppError, ComponentKey, DeviceId, Scalar, TimestampMs, identity::Act};
use entity::{identity_known, identity_quarantine};
use protocol::{Sequence, ValueName};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement,
    TransactionTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::finding;
use crate::{
    Services,
    accounts::actor::DeviceRef,
    internal, presence,
    telemetry::{Incoming, ReportPart},
};

/// Reports kept apart of one device.
const ROOM: i64 = 100_000;
/// How long a discarded report can be brought back, and a released one taken out again.
pub(super) const UNDO_MS: i64 = 7 * 86_400_000;
/// Rows of one statement; SQLite takes some thousand parameters.
const AT_ONCE: usize = 500;
const PURGE_EVERY: Duration = Duration::from_hours(1);

const HELD: &str = "held";
const RELEASED: &str = "released";
const DISCARDED: &str = "discarded";

/// What became of a message that was to be kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is durable, apart.
    Kept,
    /// There is no room for it.
    Full,
    /// The finding has been decided on, and its speaker is let through.
    LetThrough,
}

/// Keeps what a message reports apart: for `finding`, or until the sender of `session` has said who it is.
pub async fn hold(
    services: &Services,
    finding: Option<i64>,
    session: u64,
    message: &Incoming,
) -> Result<Hold, AppError> {
    let device = message.device;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let known = identity_known::Entity::find_by_id(device.id)
        .one(&transaction)
        .await
        .map_err(internal)?;
    if let Some(finding) = finding
        && is_let_through(&transaction, finding).await?
    {
        return Ok(Hold::LetThrough);
    }
    let held = known.map_or(0, |known| known.quarantined);
    let more = i64::try_from(message.reports.len()).unwrap_or(i64::MAX);
    if held.saturating_add(more) > ROOM {
        return Ok(Hold::Full);
    }
    let session = i64::try_from(session).unwrap_or(i64::MAX);
    let row = |part: &ReportPart| identity_quarantine::ActiveModel {
        device_id: Set(device.id),
        finding_id: Set(finding),
        session: Set(session),
        component_id: Set(part.component_id),
        at_ms: Set(part.at.0),
        sequence: Set(i64::try_from(message.sequence.0).unwrap_or(i64::MAX)),
        received_ms: Set(message.received_at.0),
        late: Set(part.late),
        status: Set(part.status.clone()),
        readings: Set(readings(part)),
        state: Set(HELD.to_owned()),
        ..Default::default()
    };
    for parts in message.reports.chunks(AT_ONCE) {
        identity_quarantine::Entity::insert_many(parts.iter().map(row))
            .exec_without_returning(&transaction)
            .await
            .map_err(internal)?;
    }
    count(&transaction, device.id, more).await?;
    transaction.commit().await.map_err(internal)?;
    // It speaks, whoever it is.
    let heard = (device.uuid, message.received_at, message.report_interval_ms);
    presence::alive(services, &[heard]).await?;
    Ok(Hold::Kept)
}

/// Whether a finding has been decided on so that its speaker is let through.
pub async fn lets_through(services: &Services, finding: i64) -> Result<bool, AppError> {
    is_let_through(&services.db.read, finding).await
}

async fn is_let_through<C: ConnectionTrait>(
    connection: &C,
    finding: i64,
) -> Result<bool, AppError> {
    let act = finding::row(connection, finding).await?.act;
    let act = act.as_deref().and_then(Act::parse);
    Ok(matches!(act, Some(Act::Accept | Act::Release)))
}

/// Whether it is in doubt who speaks for a device now, as far as its last identity tells.
pub(crate) async fn is_held<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<bool, AppError> {
    let known = identity_known::Entity::find_by_id(device)
        .one(connection)
        .await
        .map_err(internal)?;
    Ok(known.is_some_and(|known| known.held_finding_id.is_some()))
}

/// A message that waits for its sender to say who it is.
#[derive(Debug)]
pub struct Waiting {
    /// Its place in the device's order.
    pub sequence: Sequence,
    /// When it was received.
    pub received_at: TimestampMs,
    /// What it reports.
    pub reports: Vec<ReportPart>,
}

/// What waits over this session, in the order of the device; `key` names a component.
pub async fn waiting(
    services: &Services,
    device: DeviceRef,
    session: u64,
    key: impl Fn(i64) -> Option<ComponentKey>,
) -> Result<Vec<Waiting>, AppError> {
    use identity_quarantine::Column;
    let rows = identity_quarantine::Entity::find()
        .filter(of_session(device, session))
        .filter(Column::State.eq(HELD))
        .order_by_asc(Column::Sequence)
        .order_by_asc(Column::Id)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut messages: Vec<Waiting> = Vec::new();
    for row in rows {
        let Some(key) = key(row.component_id) else {
            continue;
        };
        let values: BTreeMap<ValueName, Scalar> =
            serde_json::from_value(row.readings).map_err(internal)?;
        let sequence = Sequence(u64::try_from(row.sequence).unwrap_or_default());
        if messages.last().map(|m| m.sequence) != Some(sequence) {
            messages.push(Waiting {
                sequence,
                received_at: TimestampMs(row.received_ms),
                reports: Vec::new(),
            });
        }
        if let Some(message) = messages.last_mut() {
            message.reports.push(ReportPart {
                component_id: row.component_id,
                key,
                at: TimestampMs(row.at_ms),
                late: row.late,
                status: row.status,
                values: values.into_iter().collect(),
            });
        }
    }
    Ok(messages)
}

/// What waited over this session is in the history now.
pub async fn forget(services: &Services, device: DeviceRef, session: u64) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let gone = identity_quarantine::Entity::delete_many()
        .filter(of_session(device, session))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let gone = i64::try_from(gone.rows_affected).unwrap_or_default();
    count(&transaction, device.id, -gone).await?;
    transaction.commit().await.map_err(internal)
}

fn of_session(device: DeviceRef, session: u64) -> sea_orm::Condition {
    use identity_quarantine::Column;
    sea_orm::Condition::all()
        .add(Column::DeviceId.eq(device.id))
        .add(Column::FindingId.is_null())
        .add(Column::Session.eq(i64::try_from(session).unwrap_or(i64::MAX)))
}

/// What waited over this session belongs to `finding`.
pub(super) async fn attach<C: ConnectionTrait>(
    connection: &C,
    device: DeviceRef,
    session: u64,
    finding: i64,
) -> Result<(), AppError> {
    identity_quarantine::Entity::update_many()
        .col_expr(identity_quarantine::Column::FindingId, Expr::value(finding))
        .filter(of_session(device, session))
        .exec(connection)
        .await
        .map(|_| ())
        .map_err(internal)
}

/// What `finding` keeps apart enters the history, at its own time; the state is not touched.
pub(super) async fn release<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    finding: i64,
    now: TimestampMs,
) -> Result<(), AppError> {
    // What the history has already is not taken out of it by an undo.
    let doubled = run(
        connection,
        "UPDATE identity_quarantine SET state = 'discarded', changed_ms = $2 \
         WHERE finding_id = $1 AND state = 'held' AND EXISTS (SELECT 1 FROM report r \
         WHERE r.component_id = identity_quarantine.component_id \
         AND r.at_ms = identity_quarantine.at_ms AND r.sequence = identity_quarantine.sequence)",
        [finding.into(), now.0.into()],
    )
    .await?;
    count(connection, device, -doubled).await?;
    run(
        connection,
        "INSERT INTO report (component_id, at_ms, sequence, received_ms, late, status, readings) \
         SELECT component_id, at_ms, sequence, received_ms, late, status, readings \
         FROM identity_quarantine WHERE finding_id = $1 AND state = 'held' ON CONFLICT DO NOTHING",
        [finding.into()],
    )
    .await?;
    due(connection, finding, HELD).await?;
    change(connection, device, finding, RELEASED, now).await
}

/// What `finding` keeps apart is out of sight, and deleted in time.
pub(super) async fn discard<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    finding: i64,
    now: TimestampMs,
) -> Result<(), AppError> {
    change(connection, device, finding, DISCARDED, now).await
}

/// What was released or discarded at `at` is kept apart again.
pub(super) async fn restore<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    finding: i64,
    at: TimestampMs,
) -> Result<(), AppError> {
    run(
        connection,
        "DELETE FROM report WHERE (component_id, at_ms, sequence) IN (SELECT component_id, at_ms, \
         sequence FROM identity_quarantine WHERE finding_id = $1 AND state = 'released')",
        [finding.into()],
    )
    .await?;
    // A rollup whose reports are gone is not written over by the next one.
    run(
        connection,
        "DELETE FROM rollup WHERE EXISTS (SELECT 1 FROM identity_quarantine q \
         WHERE q.finding_id = $1 AND q.state = 'released' \
         AND q.component_id = rollup.component_id \
         AND rollup.bucket_ms = q.at_ms - q.at_ms % rollup.resolution_ms)",
        [finding.into()],
    )
    .await?;
    due(connection, finding, RELEASED).await?;
    let back = run(
        connection,
        "UPDATE identity_quarantine SET state = 'held', changed_ms = NULL \
         WHERE finding_id = $1 AND state <> 'held' AND changed_ms = $2",
        [finding.into(), at.0.into()],
    )
    .await?;
    count(connection, device, back).await
}

/// The minutes of what `finding` keeps in `state` are rolled up again.
async fn due<C: ConnectionTrait>(
    connection: &C,
    finding: i64,
    state: &str,
) -> Result<(), AppError> {
    run(
        connection,
        "INSERT INTO rollup_due (component_id, bucket_ms) SELECT DISTINCT component_id, \
         at_ms - at_ms % 60000 FROM identity_quarantine WHERE finding_id = $1 AND state = $2 \
         ON CONFLICT DO NOTHING",
        [finding.into(), state.into()],
    )
    .await
    .map(|_| ())
}

async fn change<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    finding: i64,
    to: &str,
    now: TimestampMs,
) -> Result<(), AppError> {
    let changed = run(
        connection,
        "UPDATE identity_quarantine SET state = $3, changed_ms = $2 \
         WHERE finding_id = $1 AND state = 'held'",
        [finding.into(), now.0.into(), to.into()],
    )
    .await?;
    count(connection, device, -changed).await
}

/// How many reports `finding` keeps apart.
pub(super) async fn held<C: ConnectionTrait>(
    connection: &C,
    finding: i64,
) -> Result<u64, AppError> {
    use identity_quarantine::Column;
    use sea_orm::PaginatorTrait;
    identity_quarantine::Entity::find()
        .filter(Column::FindingId.eq(finding))
        .filter(Column::State.eq(HELD))
        .count(connection)
        .await
        .map_err(internal)
}

/// Adds to what is counted of a device.
async fn count<C: ConnectionTrait>(connection: &C, device: i64, more: i64) -> Result<(), AppError> {
    use identity_known::{ActiveModel, Column, Entity};
    let row = ActiveModel {
        device_id: Set(device),
        macs: Set(json!([])),
        quarantined: Set(Ord::max(more, 0)),
        ..Default::default()
    };
    let add = Expr::col((Entity, Column::Quarantined)).add(more);
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::DeviceId)
                .value(Column::Quarantined, add)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await
        .map(|_| ())
        .map_err(internal)
}

async fn run<C: ConnectionTrait, const N: usize>(
    connection: &C,
    sql: &str,
    values: [sea_orm::Value; N],
) -> Result<i64, AppError> {
    let backend = connection.get_database_backend();
    let done = connection
        .execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await
        .map_err(internal)?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or_default())
}

/// Deletes what can no longer be brought back, and what waited too long, until `stop`.
pub async fn purge(services: Services, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PURGE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = purge_once(&services).await {
            tracing::warn!(%error, "what was kept apart was not deleted");
        }
    }
}

/// As [`purge`], once.
async fn purge_once(services: &Services) -> Result<(), AppError> {
    let before = services.now().0 - UNDO_MS;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let deleted = run(
        &transaction,
        "DELETE FROM identity_quarantine WHERE (state <> 'held' AND changed_ms < $1) \
         OR (finding_id IS NULL AND received_ms < $1)",
        [before.into()],
    )
    .await?;
    if deleted > 0 {
        run(
            &transaction,
            "UPDATE identity_known SET quarantined = (SELECT count(*) FROM identity_quarantine q \
             WHERE q.device_id = identity_known.device_id AND q.state = 'held')",
            [],
        )
        .await?;
    }
    transaction.commit().await.map_err(internal)
}

fn readings(part: &ReportPart) -> serde_json::Value {
    let values = part.values.iter();
    let values = values.map(|(name, value)| (name.to_string(), json!(value)));
    serde_json::Value::Object(values.collect())
}

/// Takes everything that is kept apart of a device away: its ownership has ended.
pub(crate) async fn ownership_ended<C: ConnectionTrait>(
    connection: &C,
    device: DeviceId,
    id: i64,
) -> Result<(), AppError> {
    let gone = run(
        connection,
        "DELETE FROM identity_quarantine WHERE device_id = $1",
        [id.into()],
    )
    .await?;
    if gone > 0 {
        tracing::info!(%device, gone, "reports kept apart of a former ownership were deleted");
        run(
            connection,
            "UPDATE identity_known SET quarantined = 0 WHERE device_id = $1",
            [id.into()],
        )
        .await?;
    }
    Ok(())
}
