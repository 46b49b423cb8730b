//! Rollups: minutes out of reports, hours out of minutes, days out of hours.
//!
//! A minute is computed when it is over, and again when late data came for it, from what is stored: a
//! rollup never drifts from its reports. Where retention has taken what a rollup was made of, what comes
//! later is added to it and taken away in the same transaction: nothing is lost, nothing counted twice.

use std::{collections::HashMap, time::Duration};

use domain::AppError;
use entity::component;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, TransactionTrait, sea_query::LockType,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::retention::{Keep, delete_old};
use crate::{Services, internal};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;
/// A minute is computed so long after its end: commits under way have ended by then.
const GRACE_MS: i64 = 30_000;
/// Minutes computed in one transaction; the committer waits for no longer than this takes.
const SLICE: u32 = 500;
const EVERY: Duration = Duration::from_secs(5);
const RETENTION_EVERY: u32 = 120;

/// Computes rollups and deletes what is over its time, until `stop`.
pub async fn roll_up(services: Services, keep: Keep, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut turn = 0_u32;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // A slice that is cut off is done again after the next start.
        match stop.run_until_cancelled(roll_due(&services)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "rollups wait for the database"),
            None => return,
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
    // Who has noted a minute and not committed yet is waited for, and whoever notes it now waits.
    let lock = match backend {
        DbBackend::Sqlite => "",
        _ => "FOR UPDATE",
    };
    let due = Statement::from_sql_and_values(
        backend,
        format!(
            "DELETE FROM rollup_due WHERE (component_id, bucket_ms) IN \
             (SELECT component_id, bucket_ms FROM rollup_due WHERE bucket_ms <= $1 \
             ORDER BY component_id, bucket_ms LIMIT $2 {lock}) RETURNING component_id, bucket_ms"
        ),
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
    let kept = kept(&transaction, &minutes).await?;
    let from = |component: &i64| kept.get(component).copied().unwrap_or_default();
    let (whole, rest): (Vec<_>, Vec<_>) = minutes
        .iter()
        .partition(|(component, minute)| *minute >= from(component).reports);
    run(&transaction, &minutes_sql(backend, REPLACE), &whole).await?;
    run(&transaction, &minutes_sql(backend, add(backend)), &rest).await?;
    run(&transaction, &reports_of_minutes(backend), &rest).await?;
    let (whole, rest): (Vec<_>, Vec<_>) = buckets(&minutes, HOUR_MS)
        .into_iter()
        .partition(|(component, hour)| *hour >= from(component).minutes);
    let hours = coarser_sql(backend, MINUTE_MS, HOUR_MS, REPLACE);
    run(&transaction, &hours, &whole).await?;
    let hours = coarser_sql(backend, MINUTE_MS, HOUR_MS, add(backend));
    run(&transaction, &hours, &rest).await?;
    run(&transaction, &minutes_of_hours(backend), &rest).await?;
    let days = coarser_sql(backend, HOUR_MS, DAY_MS, REPLACE);
    run(&transaction, &days, &buckets(&minutes, DAY_MS)).await?;
    transaction.commit().await?;
    Ok(u64::try_from(minutes.len()).unwrap_or_default())
}

/// From when on a component's reports, and its minutes, are all there.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    reports: i64,
    minutes: i64,
}

/// What is kept of these components; retention does not move it while this transaction runs.
async fn kept(
    transaction: &DatabaseTransaction,
    minutes: &[(i64, i64)],
) -> Result<HashMap<i64, Kept>, DbErr> {
    let mut components: Vec<i64> = minutes.iter().map(|(component, _)| *component).collect();
    components.sort_unstable();
    components.dedup();
    let mut query = component::Entity::find()
        .filter(component::Column::Id.is_in(components))
        .order_by_asc(component::Column::Id);
    if transaction.get_database_backend() != DbBackend::Sqlite {
        query = query.lock(LockType::Share);
    }
    let rows = query.all(transaction).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let kept = Kept {
                reports: row.reports_from_ms,
                minutes: row.minutes_from_ms,
            };
            (row.id, kept)
        })
        .collect())
}

/// The larger buckets that these minutes lie in.
fn buckets(minutes: &[(i64, i64)], length_ms: i64) -> Vec<(i64, i64)> {
    let mut buckets: Vec<(i64, i64)> = minutes
        .iter()
        .map(|(component, at)| (*component, at.div_euclid(length_ms) * length_ms))
        .collect();
    buckets.sort_unstable();
    buckets.dedup();
    buckets
}

async fn run(
    transaction: &DatabaseTransaction,
    sql: &str,
    buckets: &[(i64, i64)],
) -> Result<(), DbErr> {
    if buckets.is_empty() {
        return Ok(());
    }
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

/// What a rollup was made of is there: it is computed again.
const REPLACE: &str = "min = excluded.min, max = excluded.max, sum = excluded.sum, \
    count = excluded.count, late = excluded.late";

/// What a rollup was made of is gone: what came since is added.
fn add(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => {
            "min = min(rollup.min, excluded.min), max = max(rollup.max, excluded.max), \
             sum = rollup.sum + excluded.sum, count = rollup.count + excluded.count, \
             late = max(rollup.late, excluded.late)"
        }
        _ => {
            "min = least(rollup.min, excluded.min), max = greatest(rollup.max, excluded.max), \
             sum = rollup.sum + excluded.sum, count = rollup.count + excluded.count, \
             late = rollup.late OR excluded.late"
        }
    }
}

const CONFLICT: &str = "ON CONFLICT (component_id, value, resolution_ms, bucket_ms) DO UPDATE SET";
const COLUMNS: &str = "INSERT INTO rollup (component_id, value, resolution_ms, bucket_ms, min, max, sum, count, late)";

fn minutes_sql(backend: DbBackend, set: &str) -> String {
    let wanted = wanted(backend);
    let of_minute = format!(
        "r.component_id = w.component_id AND r.at_ms >= w.bucket_ms \
         AND r.at_ms < w.bucket_ms + {MINUTE_MS}"
    );
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
         FROM {from}, {each} \
         WHERE {number} GROUP BY r.component_id, e.key, w.bucket_ms {CONFLICT} {set}",
        from = match backend {
            DbBackend::Sqlite => format!("w JOIN report r ON {of_minute}"),
            _ => each_by_itself("w", "report", &of_minute),
        },
        each = match backend {
            DbBackend::Sqlite => each.to_owned(),
            _ => format!("LATERAL {each}"),
        }
    )
}

/// `n(component_id, value)`: the values of the components in `k`, found by one seek each: the minutes of a
/// component are too many to be read for that.
pub(super) const NAMES: &str = "n(component_id, value) AS (SELECT k.component_id, \
    (SELECT min(r.value) FROM rollup r WHERE r.component_id = k.component_id) FROM k UNION ALL \
    SELECT n.component_id, (SELECT min(r.value) FROM rollup r \
    WHERE r.component_id = n.component_id AND r.value > n.value) FROM n WHERE n.value IS NOT NULL)";

/// `v`: the wanted buckets of each value. It is joined by `CROSS JOIN`, which SQLite takes in the order in
/// which it is written: it would read all of a component's rollups first.
fn wanted_of_values(backend: DbBackend) -> String {
    let wanted = wanted(backend);
    format!(
        "WITH RECURSIVE {wanted}, k AS (SELECT DISTINCT component_id FROM w), {NAMES}, \
         v AS (SELECT w.component_id, n.value, w.bucket_ms FROM w CROSS JOIN n \
         WHERE n.component_id = w.component_id AND n.value IS NOT NULL)"
    )
}

/// The rows of `table r` for each bucket of `of`, on PostgreSQL: one reach into the index for each. It would
/// rather join all rows of a component with all of its buckets and look at their times afterwards; `OFFSET 0`
/// keeps it from seeing that it could.
fn each_by_itself(of: &str, table: &str, condition: &str) -> String {
    format!("{of} CROSS JOIN LATERAL (SELECT * FROM {table} r WHERE {condition} OFFSET 0) r")
}

fn coarser_sql(backend: DbBackend, from: i64, to: i64, set: &str) -> String {
    let wanted = wanted_of_values(backend);
    let any = match backend {
        DbBackend::Sqlite => "max(r.late)",
        _ => "bool_or(r.late)",
    };
    let of_bucket = format!(
        "r.component_id = v.component_id AND r.value = v.value AND r.resolution_ms = {from} \
         AND r.bucket_ms >= v.bucket_ms AND r.bucket_ms < v.bucket_ms + {to}"
    );
    let rows = match backend {
        DbBackend::Sqlite => format!("v CROSS JOIN rollup r WHERE {of_bucket}"),
        _ => each_by_itself("v", "rollup", &of_bucket),
    };
    format!(
        "{wanted} {COLUMNS} SELECT r.component_id, r.value, {to}, v.bucket_ms, \
         min(r.min), max(r.max), sum(r.sum), sum(r.count), {any} \
         FROM {rows} \
         GROUP BY r.component_id, r.value, v.bucket_ms {CONFLICT} {set}"
    )
}

/// Deletes the reports of the wanted minutes.
fn reports_of_minutes(backend: DbBackend) -> String {
    let wanted = wanted(backend);
    format!(
        "WITH {wanted} DELETE FROM report WHERE (component_id, at_ms, sequence) IN \
         (SELECT r.component_id, r.at_ms, r.sequence FROM w JOIN report r \
         ON r.component_id = w.component_id AND r.at_ms >= w.bucket_ms \
         AND r.at_ms < w.bucket_ms + {MINUTE_MS})"
    )
}

/// Deletes the minutes of the wanted hours.
fn minutes_of_hours(backend: DbBackend) -> String {
    let wanted = wanted_of_values(backend);
    format!(
        "{wanted} DELETE FROM rollup WHERE (component_id, value, resolution_ms, bucket_ms) IN \
         (SELECT r.component_id, r.value, r.resolution_ms, r.bucket_ms FROM v CROSS JOIN rollup r \
         WHERE r.component_id = v.component_id AND r.value = v.value \
         AND r.resolution_ms = {MINUTE_MS} AND r.bucket_ms >= v.bucket_ms \
         AND r.bucket_ms < v.bucket_ms + {HOUR_MS})"
    )
}
