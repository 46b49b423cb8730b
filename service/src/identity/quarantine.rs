//! Reports kept apart: not in the state, the history or the rollups until it is certain who said them.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    AppError, ComponentKey, DeviceId, Scalar, TimestampMs,
    identity::{Act, FindingKind, FindingState, Reaction},
};
use entity::{component, identity_finding, identity_known, identity_quarantine};
use protocol::{Sequence, ValueName};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement, TransactionTrait,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::finding;
use crate::{
    Services,
    accounts::actor::DeviceRef,
    downlink, internal, presence,
    telemetry::{Incoming, Numbers, ReportPart, sequence_of},
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
    /// The ownership whose secret signed it has ended.
    OwnershipEnded,
}

/// Keeps what a message reports apart: for `finding`, or until the sender of `session` has said who it is.
///
/// The device is locked, so that neither a decision about the finding nor the end of the ownership comes between.
pub async fn hold(
    services: &Services,
    finding: Option<i64>,
    session: u64,
    message: &Incoming,
) -> Result<Hold, AppError> {
    let device = message.device;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    match downlink::lock_device(&transaction, device.uuid).await {
        Ok(row) if row.ownership == message.ownership => {}
        Ok(_) | Err(AppError::NotFound) => return Ok(Hold::OwnershipEnded),
        Err(error) => return Err(error),
    }
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
    let mut numbers = Numbers::of(message);
    let row = |part: &ReportPart| identity_quarantine::ActiveModel {
        device_id: Set(device.id),
        finding_id: Set(finding),
        session: Set(session),
        component_id: Set(part.component_id),
        at_ms: Set(part.at.0),
        sequence: Set(numbers.number(part)),
        received_ms: Set(message.received_at.0),
        late: Set(part.late),
        status: Set(part.status.clone()),
        readings: Set(readings(part)),
        state: Set(HELD.to_owned()),
        ..Default::default()
    };
    let rows: Vec<_> = message.reports.iter().map(row).collect();
    for some in rows.chunks(AT_ONCE) {
        identity_quarantine::Entity::insert_many(some.iter().cloned())
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
    /// What it reports, but for components that are gone.
    pub reports: Vec<ReportPart>,
    /// Which rows it waits in.
    pub rows: Vec<i64>,
}

/// What waits for the sender of this session, who is the device: what came over it, and over earlier ones that ended
/// before anybody had said who it was. In the order of the device; `key` names a component.
pub async fn waiting(
    services: &Services,
    device: DeviceRef,
    session: u64,
    key: impl Fn(i64) -> Option<ComponentKey>,
) -> Result<Vec<Waiting>, AppError> {
    use identity_quarantine::Column;
    let mut rows = identity_quarantine::Entity::find()
        .filter(until_session(device, session))
        .filter(Column::State.eq(HELD))
        .order_by_asc(Column::Id)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let own = i64::try_from(session).unwrap_or(i64::MAX);
    if rows.iter().any(|row| row.session < own)
        && waits_for_a_copy(services, device, session).await?
    {
        rows.retain(|row| row.session == own);
    }
    // One that was not acknowledged in time came again over the next session, under the same sequence.
    let mut messages: BTreeMap<(Sequence, i64), Waiting> = BTreeMap::new();
    for row in rows {
        let sequence = sequence_of(row.sequence);
        let message = messages
            .entry((sequence, row.session))
            .or_insert_with(|| Waiting {
                sequence,
                received_at: TimestampMs(row.received_ms),
                reports: Vec::new(),
                rows: Vec::new(),
            });
        message.rows.push(row.id);
        let Some(key) = key(row.component_id) else {
            continue;
        };
        let values: BTreeMap<ValueName, Scalar> =
            serde_json::from_value(row.readings).map_err(internal)?;
        message.reports.push(ReportPart {
            component_id: row.component_id,
            key,
            at: TimestampMs(row.at_ms),
            late: row.late,
            status: row.status,
            values: values.into_iter().collect(),
        });
    }
    Ok(messages.into_values().collect())
}

/// Where a copy of the device is known of and not decided on, the sender of an earlier session that said nothing may have
/// been either, whoever speaks now: what it left is attached to that finding. Gives whether that is so.
async fn waits_for_a_copy(
    services: &Services,
    device: DeviceRef,
    session: u64,
) -> Result<bool, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    downlink::lock_device(&transaction, device.uuid).await?;
    let open = open_findings(&transaction, device.id).await?;
    let Some(copy) = open.into_iter().find(is_of_a_copy) else {
        return Ok(false);
    };
    if let Some(before) = session.checked_sub(1) {
        attach(&transaction, device, before, copy.id).await?;
    }
    transaction.commit().await.map_err(internal)?;
    Ok(true)
}

/// The findings about a device that wait for a decision, the newest first.
async fn open_findings<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<Vec<identity_finding::Model>, AppError> {
    use identity_finding::{Column, Entity};
    Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::State.eq(FindingState::Open.as_str()))
        .order_by_desc(Column::Id)
        .all(connection)
        .await
        .map_err(internal)
}

/// Whether a finding says that there is a copy, whose reports are kept apart.
fn is_of_a_copy(row: &identity_finding::Model) -> bool {
    let kind = FindingKind::parse(&row.kind);
    // The data flows where people are only told, and where it was no identity that gave the copy away.
    let flows = row.reaction == Reaction::Alert.as_str()
        || row.speaker == finding::REUSED
        || row.speaker.as_str().starts_with(finding::KEY);
    matches!(kind, Some(FindingKind::Clone | FindingKind::Collision)) && !flows
}

/// Whether people have to decide who the device is before anybody gets something by its secret alone: whoever said last
/// that it is the device is kept apart, or a copy is known of, which has the secret too.
pub(crate) async fn is_in_doubt<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<bool, AppError> {
    let open = open_findings(connection, device).await?;
    if open.iter().any(is_of_a_copy) {
        return Ok(true);
    }
    let known = identity_known::Entity::find_by_id(device)
        .one(connection)
        .await
        .map_err(internal)?;
    let held = known.and_then(|known| known.held_finding_id);
    // One that was decided on keeps its speaker apart until it says who it is, and no longer leaves anybody in doubt.
    Ok(open.iter().any(|row| Some(row.id) == held))
}

/// What waited in these rows is in the history now.
pub async fn forget(services: &Services, device: DeviceRef, rows: &[i64]) -> Result<(), AppError> {
    use identity_quarantine::Column;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    downlink::lock_device(&transaction, device.uuid).await?;
    let mut gone = 0;
    for some in rows.chunks(AT_ONCE) {
        let deleted = identity_quarantine::Entity::delete_many()
            .filter(Column::DeviceId.eq(device.id))
            .filter(Column::FindingId.is_null())
            .filter(Column::Id.is_in(some.iter().copied()))
            .exec(&transaction)
            .await
            .map_err(internal)?;
        gone += i64::try_from(deleted.rows_affected).unwrap_or_default();
    }
    count(&transaction, device.id, -gone).await?;
    transaction.commit().await.map_err(internal)
}

/// What waits for somebody to say who it is, of this session and those before it: their numbers grow, also across
/// restarts, and what a former ownership left is deleted with its end.
fn until_session(device: DeviceRef, session: u64) -> sea_orm::Condition {
    use identity_quarantine::Column;
    sea_orm::Condition::all()
        .add(Column::DeviceId.eq(device.id))
        .add(Column::FindingId.is_null())
        .add(Column::Session.lte(i64::try_from(session).unwrap_or(i64::MAX)))
}

/// What waited over this session, and over earlier ones whose sender never said who it is, belongs to `finding`.
pub(super) async fn attach<C: ConnectionTrait>(
    connection: &C,
    device: DeviceRef,
    session: u64,
    finding: i64,
) -> Result<(), AppError> {
    identity_quarantine::Entity::update_many()
        .col_expr(identity_quarantine::Column::FindingId, Expr::value(finding))
        .filter(until_session(device, session))
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

/// What was released or discarded at `at` is kept apart again. The caller has made sure that it can be taken out of the
/// history still: that it is not [over](is_over), and stays so.
pub(super) async fn restore<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    finding: i64,
    at: TimestampMs,
) -> Result<(), AppError> {
    run(
        connection,
        "DELETE FROM report WHERE (component_id, at_ms, sequence) IN (SELECT component_id, at_ms, \
         sequence FROM identity_quarantine WHERE finding_id = $1 AND state = 'released' \
         AND changed_ms = $2)",
        [finding.into(), at.0.into()],
    )
    .await?;
    // A rollup whose reports are gone is not written over by the next one.
    run(
        connection,
        "DELETE FROM rollup WHERE EXISTS (SELECT 1 FROM identity_quarantine q \
         WHERE q.finding_id = $1 AND q.state = 'released' AND q.changed_ms = $2 \
         AND q.component_id = rollup.component_id \
         AND rollup.bucket_ms = q.at_ms - q.at_ms % rollup.resolution_ms)",
        [finding.into(), at.0.into()],
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

/// Whether reports of the time of what was released at `at` are deleted already: a rollup without it can no longer be
/// computed. With a lock retention goes no further while the caller's transaction runs.
pub(super) async fn is_over<C: ConnectionTrait>(
    connection: &C,
    finding: i64,
    at: TimestampMs,
    lock: Option<LockType>,
) -> Result<bool, AppError> {
    use identity_quarantine::Column;
    let oldest: Vec<(i64, i64)> = identity_quarantine::Entity::find()
        .select_only()
        .column(Column::ComponentId)
        .column_as(Column::AtMs.min(), "oldest")
        .filter(Column::FindingId.eq(finding))
        .filter(Column::State.eq(RELEASED))
        .filter(Column::ChangedMs.eq(at.0))
        .group_by(Column::ComponentId)
        .into_tuple()
        .all(connection)
        .await
        .map_err(internal)?;
    if oldest.is_empty() {
        return Ok(false);
    }
    let oldest: BTreeMap<i64, i64> = oldest.into_iter().collect();
    let mut kept = component::Entity::find()
        .filter(component::Column::Id.is_in(oldest.keys().copied()))
        .order_by_asc(component::Column::Id);
    if let Some(lock) = lock.filter(|_| connection.get_database_backend() != DbBackend::Sqlite) {
        kept = kept.lock(lock);
    }
    let kept = kept.all(connection).await.map_err(internal)?;
    let is_gone = |row: &component::Model| {
        let first = oldest.get(&row.id);
        first.is_some_and(|first| *first < row.reports_from_ms)
    };
    Ok(kept.iter().any(is_gone))
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
