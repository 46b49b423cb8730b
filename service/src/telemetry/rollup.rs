//! Rollups: minutes out of reports, hours out of minutes, days out of hours; and retention.
//!
//! A minute is computed when it is over, and again when late data came for it, from what is stored: a
//! rollup never drifts from its reports. The reports of a minute are kept at least until it was computed.

use std::time::Duration;

use domain::AppError;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{Services, internal};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;
/// A minute is computed so long after its end: commits under way have ended by then.
const GRACE_MS: i64 = 30_000;
/// Minutes computed in one transaction; the committer waits for no longer than this takes.
const SLICE: u32 = 500;
/// Reports and rollups deleted in one transaction.
const DELETE_SLICE: u32 = 5_000;
const EVERY: Duration = Duration::from_secs(5);
const RETENTION_EVERY: u32 = 120;

/// How long history is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Days that single reports are kept.
    pub reports_days: u32,
    /// Days that the rollups of minutes are kept.
    pub minutes_days: u32,
}

/// Computes rollups and deletes what is over its time, until `stop`.
pub async fn roll_up(services: Services, keep: Keep, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut turn = 0_u32;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = roll_due(&services).await {
            tracing::warn!(%error, "rollups wait for the database");
        }
        if turn.is_multiple_of(RETENTION_EVERY)
            && let Err(error) = delete_old(&services, keep).await
        {
            tracing::warn!(%error, "old history was not deleted");
        }
        turn = turn.wrapping_add(1);
    }
}

/// Computes every minute that is due, and the hours and days above them.
pub async fn roll_due(services: &Services) -> Result<u64, AppError> {
    let mut rolled = 0;
    loop {
        let count = roll_slice(services).await.map_err(internal)?;
        rolled += count;
        if count < u64::from(SLICE) {
            return Ok(rolled);
        }
        tokio::task::yield_now().await;
    }
}

async fn roll_slice(services: &Services) -> Result<u64, DbErr> {
    let before = services.now().0 - MINUTE_MS - GRACE_MS;
    let transaction = services.db.write.begin().await?;
    let backend = transaction.get_database_backend();
    let due = Statement::from_sql_and_values(
        backend,
        "DELETE FROM rollup_due WHERE (component_id, bucket_ms) IN (SELECT component_id, bucket_ms \
         FROM rollup_due WHERE bucket_ms <= $1 ORDER BY component_id, bucket_ms LIMIT $2) \
         RETURNING component_id, bucket_ms",
        [before.into(), i64::from(SLICE).into()],
    );
    let mut minutes = Vec::new();
    for row in transaction.query_all_raw(due).await? {
        let component: i64 = row.try_get_by_index(0)?;
        let bucket: i64 = row.try_get_by_index(1)?;
        minutes.push((component, bucket));
    }
    if minutes.is_empty() {
        return Ok(0);
    }
    run(&transaction, &minutes_sql(backend), &minutes).await?;
    for (from, to) in [(MINUTE_MS, HOUR_MS), (HOUR_MS, DAY_MS)] {
        let mut buckets: Vec<(i64, i64)> = minutes
            .iter()
            .map(|(component, at)| (*component, at.div_euclid(to) * to))
            .collect();
        buckets.sort_unstable();
        buckets.dedup();
        run(&transaction, &coarser_sql(backend, from, to), &buckets).await?;
    }
    transaction.commit().await?;
    Ok(u64::try_from(minutes.len()).unwrap_or_default())
}

async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    buckets: &[(i64, i64)],
) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    let list = json!(buckets);
    let parameter = match backend {
        DbBackend::Sqlite => list.to_string().into(),
        _ => list.into(),
    };
    let statement = Statement::from_sql_and_values(backend, sql, [parameter]);
    transaction.execute_raw(statement).await.map(|_| ())
}

/// The wanted buckets `w(component_id, bucket_ms)` out of the parameter.
fn wanted(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => {
            "w AS (SELECT value->>0 AS component_id, value->>1 AS bucket_ms FROM json_each($1))"
        }
        _ => {
            "w AS (SELECT (v->>0)::bigint AS component_id, (v->>1)::bigint AS bucket_ms \
             FROM jsonb_array_elements($1) v)"
        }
    }
}

const UPSERT: &str = "ON CONFLICT (component_id, value, resolution_ms, bucket_ms) DO UPDATE SET \
    min = excluded.min, max = excluded.max, sum = excluded.sum, count = excluded.count, \
    late = excluded.late";
const COLUMNS: &str = "INSERT INTO rollup (component_id, value, resolution_ms, bucket_ms, min, max, sum, count, late)";

fn minutes_sql(backend: DbBackend) -> String {
    let wanted = wanted(backend);
    let (each, number, value, any) = match backend {
        DbBackend::Sqlite => (
            "json_each(r.readings) e",
            "e.type IN ('integer', 'real')",
            "e.value",
            "max(r.late)",
        ),
        _ => (
            "jsonb_each(r.readings) e",
            "jsonb_typeof(e.value) = 'number'",
            "(e.value)::text::double precision",
            "bool_or(r.late)",
        ),
    };
    format!(
        "WITH {wanted} {COLUMNS} SELECT r.component_id, e.key, {MINUTE_MS}, w.bucket_ms, \
         min({value}), max({value}), sum({value}), count(*), {any} \
         FROM w JOIN report r ON r.component_id = w.component_id \
         AND r.at_ms >= w.bucket_ms AND r.at_ms < w.bucket_ms + {MINUTE_MS}, {each} \
         WHERE {number} GROUP BY r.component_id, e.key, w.bucket_ms {UPSERT}",
        each = match backend {
            DbBackend::Sqlite => each.to_owned(),
            _ => format!("LATERAL {each}"),
        }
    )
}

fn coarser_sql(backend: DbBackend, from: i64, to: i64) -> String {
    let wanted = wanted(backend);
    let any = match backend {
        DbBackend::Sqlite => "max(r.late)",
        _ => "bool_or(r.late)",
    };
    format!(
        "WITH {wanted}, v AS (SELECT DISTINCT r.component_id, r.value, w.bucket_ms FROM w \
         JOIN rollup r ON r.component_id = w.component_id AND r.resolution_ms = {from} \
         AND r.bucket_ms >= w.bucket_ms AND r.bucket_ms < w.bucket_ms + {to}) \
         {COLUMNS} SELECT r.component_id, r.value, {to}, v.bucket_ms, \
         min(r.min), max(r.max), sum(r.sum), sum(r.count), {any} \
         FROM v JOIN rollup r ON r.component_id = v.component_id AND r.value = v.value \
         AND r.resolution_ms = {from} AND r.bucket_ms >= v.bucket_ms \
         AND r.bucket_ms < v.bucket_ms + {to} WHERE true \
         GROUP BY r.component_id, r.value, v.bucket_ms {UPSERT}"
    )
}

/// Deletes reports and minutes that are over their time, a slice a transaction. The last state is kept
/// elsewhere, and a minute that is still to be rolled up keeps its reports.
pub async fn delete_old(services: &Services, keep: Keep) -> Result<u64, AppError> {
    let now = services.now().0;
    let reports = now - i64::from(keep.reports_days) * DAY_MS;
    let minutes = now - i64::from(keep.minutes_days) * DAY_MS;
    let mut deleted = 0;
    for (sql, before) in [(DELETE_REPORTS, reports), (DELETE_MINUTES, minutes)] {
        deleted += delete(services, sql, before).await.map_err(internal)?;
    }
    Ok(deleted)
}

const DELETE_REPORTS: &str = "DELETE FROM report WHERE (component_id, at_ms, sequence) IN \
    (SELECT r.component_id, r.at_ms, r.sequence FROM component c JOIN report r \
    ON r.component_id = c.id AND r.at_ms < $1 WHERE NOT EXISTS (SELECT 1 FROM rollup_due d \
    WHERE d.component_id = r.component_id AND d.bucket_ms = r.at_ms - r.at_ms % 60000) LIMIT $2)";
const DELETE_MINUTES: &str = "DELETE FROM rollup WHERE (component_id, value, resolution_ms, bucket_ms) IN \
    (SELECT component_id, value, resolution_ms, bucket_ms FROM rollup \
    WHERE resolution_ms = 60000 AND bucket_ms < $1 LIMIT $2)";

async fn delete(services: &Services, sql: &str, before: i64) -> Result<u64, DbErr> {
    let mut deleted = 0;
    loop {
        let statement = Statement::from_sql_and_values(
            services.db.backend(),
            sql,
            [before.into(), i64::from(DELETE_SLICE).into()],
        );
        let rows = services
            .db
            .write
            .execute_raw(statement)
            .await?
            .rows_affected();
        deleted += rows;
        if rows < u64::from(DELETE_SLICE) {
            return Ok(deleted);
        }
        tokio::task::yield_now().await;
    }
}
