//! What has happened, and for how long it is kept: events, the trail, ended commands, jobs and imports, notices, findings
//! that are decided on, keys and certificates of apps that were revoked, and tokens and invitations that are over.
//!
//! Invariant: none of these tables only grows, and nothing that is still under way is touched. Few rows go in
//! one statement, so that reports do not wait.

use std::time::Duration;

use domain::{AppError, event::EventKind};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use tokio_util::sync::CancellationToken;

use crate::{Services, identity, internal, presence::MOST_CHANGES};

const DAY_MS: i64 = 86_400_000;
const EVERY: Duration = Duration::from_hours(1);
/// Rows of one statement.
const AT_A_TIME: i64 = 1_000;
/// Tables whose rows count up with the time.
const IN_ORDER: [&str; 4] = ["device_event", "audit", "notification", "tag_act"];

/// Deletes what is older than so many days, until `stop`; the server runs one of these.
pub async fn forget_old(services: Services, keep_days: u32, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match stop
            .run_until_cancelled(delete_old(&services, keep_days))
            .await
        {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!(%error, "old records were not deleted"),
            None => return,
        }
    }
}

/// As [`forget_old`], once; gives how many rows.
pub async fn delete_old(services: &Services, keep_days: u32) -> Result<u64, AppError> {
    delete(services, keep_days).await.map_err(internal)
}

async fn delete(services: &Services, keep_days: u32) -> Result<u64, DbErr> {
    let now = services.now().0;
    let before = now - i64::from(keep_days.max(1)) * DAY_MS;
    let mut deleted = 0;
    for table in IN_ORDER {
        deleted += in_order(services, table, before).await?;
    }
    deleted += presence(services).await?;
    for (table, key, time, before) in [
        ("command", "id", "finished_ms", before),
        ("api_key", "id", "revoked_ms", before),
        ("invitation", "id", "used_ms", before),
        ("invitation", "id", "expires_ms", before),
        ("refresh_token", "token_hash", "expires_ms", now),
        ("session", "token_hash", "expires_ms", now),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN \
             (SELECT {key} FROM {table} WHERE {time} < $1 ORDER BY {time} LIMIT {AT_A_TIME})"
        );
        deleted += until_none(services, &sql, &[before.into()]).await?;
    }
    // First what belongs to a job, then those that nothing belongs to.
    let sql = format!(
        "DELETE FROM job_device WHERE (job_id, device_id) IN (SELECT d.job_id, d.device_id \
         FROM job_device d JOIN job j ON j.id = d.job_id WHERE j.finished_ms < $1 LIMIT {AT_A_TIME})"
    );
    deleted += until_none(services, &sql, &[before.into()]).await?;
    let sql = "DELETE FROM job WHERE finished_ms < $1 \
               AND NOT EXISTS (SELECT 1 FROM job_device d WHERE d.job_id = job.id)";
    deleted += run(services, sql, &[before.into()]).await?;
    let sql = format!(
        "DELETE FROM device_import_line WHERE (import_id, line) IN (SELECT l.import_id, l.line \
         FROM device_import_line l JOIN device_import i ON i.id = l.import_id \
         WHERE i.finished_ms < $1 LIMIT {AT_A_TIME})"
    );
    deleted += until_none(services, &sql, &[before.into()]).await?;
    let sql = "DELETE FROM device_import WHERE finished_ms < $1 AND NOT EXISTS \
               (SELECT 1 FROM device_import_line l WHERE l.import_id = device_import.id)";
    deleted += run(services, sql, &[before.into()]).await?;
    deleted += findings(services, before).await?;
    deleted += app_certificates(services, before).await?;
    Ok(deleted)
}

/// Deletes the certificates of apps that were revoked, or replaced, and are over. An installation is known by its first
/// one: that goes last. Devices' certificates stay: they say what became of each.
async fn app_certificates(services: &Services, before: i64) -> Result<u64, DbErr> {
    let sql = format!(
        "DELETE FROM certificate WHERE serial IN (SELECT c.serial FROM certificate c \
         WHERE c.user_id IS NOT NULL AND c.revoked_ms IS NOT NULL AND c.expires_ms < $1 \
         AND (c.installation <> c.serial OR NOT EXISTS (SELECT 1 FROM certificate o \
         WHERE o.user_id = c.user_id AND o.installation = c.serial AND o.serial <> c.serial)) \
         LIMIT {AT_A_TIME})"
    );
    until_none(services, &sql, &[before.into()]).await
}

/// Deletes findings whose decision has no effect any more: none that lets a speaker through, blocks its device, or keeps
/// reports apart.
async fn findings(services: &Services, before: i64) -> Result<u64, DbErr> {
    let before = before.min(identity::settled_before(services.now()));
    let sql = format!(
        "DELETE FROM identity_finding WHERE id IN (SELECT f.id FROM identity_finding f \
         WHERE f.state = 'resolved' AND f.last_ms < $1 AND f.resolved_ms < $1 \
         AND f.act <> 'release' AND NOT EXISTS (SELECT 1 FROM identity_known k \
         WHERE k.device_id = f.device_id AND (k.held_finding_id = f.id \
         OR (f.act = 'block' AND k.blocked_ms IS NOT NULL))) \
         AND NOT EXISTS (SELECT 1 FROM identity_quarantine q WHERE q.finding_id = f.id) \
         ORDER BY f.id LIMIT {AT_A_TIME})"
    );
    until_none(services, &sql, &[before.into()]).await
}

/// Reads from the oldest row on until nothing is old: no index by time is needed, and a row that has grown
/// since, as the refusals of a device do, is passed by.
async fn in_order(services: &Services, table: &str, before: i64) -> Result<u64, DbErr> {
    let (mut after, mut deleted) = (0_i64, 0);
    loop {
        let sql = format!(
            "SELECT max(id), sum(CASE WHEN at_ms < $1 THEN 1 ELSE 0 END) FROM \
             (SELECT id, at_ms FROM {table} WHERE id > $2 ORDER BY id LIMIT {AT_A_TIME}) o"
        );
        let values = [before.into(), after.into()];
        let sql = Statement::from_sql_and_values(services.db.backend(), sql, values);
        let Some(row) = services.db.read.query_one_raw(sql).await? else {
            return Ok(deleted);
        };
        let (last, old): (Option<i64>, Option<i64>) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let (Some(last), Some(1..)) = (last, old) else {
            return Ok(deleted);
        };
        let sql = format!("DELETE FROM {table} WHERE id > $1 AND id <= $2 AND at_ms < $3");
        deleted += run(services, &sql, &[after.into(), last.into(), before.into()]).await?;
        after = last;
        tokio::task::yield_now().await;
    }
}

/// Deletes what nobody looks at of devices that come and go all the time.
async fn presence(services: &Services) -> Result<u64, DbErr> {
    let backend = services.db.backend();
    let kind = EventKind::Presence.as_str();
    let most = i64::try_from(MOST_CHANGES).unwrap_or(i64::MAX);
    let busy = Statement::from_sql_and_values(
        backend,
        "SELECT device_id FROM device_event WHERE kind = $1 AND device_id IS NOT NULL \
         GROUP BY device_id HAVING count(*) > $2",
        [kind.into(), most.into()],
    );
    let mut deleted = 0;
    for row in services.db.read.query_all_raw(busy).await? {
        let device: i64 = row.try_get_by_index(0)?;
        let sql = format!(
            "DELETE FROM device_event WHERE id IN (SELECT id FROM device_event \
             WHERE device_id = $1 AND kind = $2 AND at_ms < (SELECT at_ms FROM device_event \
             WHERE device_id = $1 AND kind = $2 ORDER BY at_ms DESC LIMIT 1 OFFSET $3) \
             LIMIT {AT_A_TIME})"
        );
        let values = [device.into(), kind.into(), (most - 1).into()];
        deleted += until_none(services, &sql, &values).await?;
    }
    Ok(deleted)
}

async fn until_none(services: &Services, sql: &str, values: &[Value]) -> Result<u64, DbErr> {
    let mut deleted = 0;
    loop {
        match run(services, sql, values).await? {
            0 => return Ok(deleted),
            rows => deleted += rows,
        }
        tokio::task::yield_now().await;
    }
}

async fn run(services: &Services, sql: &str, values: &[Value]) -> Result<u64, DbErr> {
    let backend = services.db.backend();
    let statement = Statement::from_sql_and_values(backend, sql, values.iter().cloned());
    let done = services.db.write.execute_raw(statement).await?;
    Ok(done.rows_affected())
}
