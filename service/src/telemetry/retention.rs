//! Retention: reports and minutes that are over their time are deleted; hours and days stay.
//!
//! A minute's reports go all at once and not before they were rolled up, and a component remembers from
//! when on its history is whole: what still comes for the time before is added to its rollups.

use domain::AppError;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    Statement, TransactionTrait,
};
use serde_json::json;

use super::rollup::{DAY_MS, HOUR_MS, MINUTE_MS, NAMES};
use crate::{Admin, Services, audit, downlink, internal};

/// The least and the most days that a device's reports may be kept.
const KEEP_DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;
/// Components in one transaction, and how much of their time: the committer waits no longer than that takes.
const COMPONENTS: usize = 64;
const REPORTS_STEP_MS: i64 = HOUR_MS;
const MINUTES_STEP_MS: i64 = 7 * DAY_MS;

/// How long history is kept where a device does not say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Days that single reports are kept.
    pub reports_days: u32,
    /// Days that the rollups of minutes are kept; at least as long as the reports.
    pub minutes_days: u32,
}

/// Sets how many days a device's reports are kept; `None` lets the site's own days apply.
pub async fn keep_reports(
    services: &Services,
    admin: &Admin,
    device: domain::DeviceId,
    days: Option<u32>,
) -> Result<(), AppError> {
    if days.is_some_and(|days| !KEEP_DAYS.contains(&days)) {
        return Err(AppError::invalid("keep_reports_days", "days"));
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    let detail = json!({ "from": row.keep_reports_days, "to": days });
    let mut change: entity::device::ActiveModel = row.into();
    change.keep_reports_days = Set(days.and_then(|days| i32::try_from(days).ok()));
    change.update(&transaction).await.map_err(internal)?;
    let target = Some(device.to_string());
    let (actor, action) = (admin.actor(), "keep_reports");
    audit::record(services, &transaction, actor, action, target, detail).await?;
    transaction.commit().await.map_err(internal)?;
    services
        .bus
        .publish(vec![domain::live::LiveEvent::Device { device }])
        .await;
    Ok(())
}

/// Deletes reports and minutes that are over their time, a slice a transaction; gives how many rows.
pub async fn delete_old(services: &Services, keep: Keep) -> Result<u64, AppError> {
    let mut deleted = 0;
    loop {
        let over = over(services, keep).await.map_err(internal)?;
        let mut moved = false;
        for slice in over.chunks(COMPONENTS) {
            let (rows, any) = delete(services, slice).await.map_err(internal)?;
            deleted += rows;
            moved |= any;
            tokio::task::yield_now().await;
        }
        if !moved {
            return Ok(deleted);
        }
    }
}

/// A component with history that is over its time, and up to when it is to be deleted now.
#[derive(Debug)]
struct Over {
    component: i64,
    reports_before: i64,
    minutes_before: i64,
}

async fn over(services: &Services, keep: Keep) -> Result<Vec<Over>, DbErr> {
    let now = services.now().0;
    let rows = services
        .db
        .read
        .query_all_raw(Statement::from_string(
            services.db.backend(),
            "SELECT c.id, c.reports_from_ms, c.minutes_from_ms, d.created_ms, d.keep_reports_days, \
             (SELECT min(r.at_ms) FROM report r WHERE r.component_id = c.id \
             AND r.at_ms >= c.reports_from_ms) \
             FROM component c JOIN device d ON d.id = c.device_id ORDER BY c.id",
        ))
        .await?;
    let mut over = Vec::new();
    for row in rows {
        let own: Option<i32> = row.try_get_by_index(4)?;
        let oldest: Option<i64> = row.try_get_by_index(5)?;
        let created: i64 = row.try_get_by_index(3)?;
        let (reports_from, minutes_from): (i64, i64) =
            (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let days = own
            .and_then(|own| u32::try_from(own).ok())
            .unwrap_or(keep.reports_days);
        let minute = |at: i64| at.div_euclid(MINUTE_MS) * MINUTE_MS;
        let reports_end = minute(now - i64::from(days) * DAY_MS);
        let step = oldest
            .unwrap_or(reports_end)
            .saturating_add(REPORTS_STEP_MS);
        let reports_before = reports_end.min(minute(step));
        let minutes_end = now - i64::from(keep.minutes_days.max(days)) * DAY_MS;
        // No device reports what it measured before it was registered.
        let step = minutes_from.max(created).saturating_add(MINUTES_STEP_MS);
        let minutes_before = minutes_end.min(step).div_euclid(HOUR_MS) * HOUR_MS;
        let reports = oldest.is_some_and(|oldest| oldest < reports_before);
        if reports || (minutes_before > minutes_from && minutes_before > created) {
            over.push(Over {
                component: row.try_get_by_index(0)?,
                reports_before: match reports {
                    true => reports_before,
                    false => reports_end.max(reports_from),
                },
                minutes_before,
            });
        }
    }
    Ok(over)
}

/// Deletes what is over its time of these components and moves their marks; gives how many rows, and
/// whether any mark moved.
async fn delete(services: &Services, over: &[Over]) -> Result<(u64, bool), DbErr> {
    let transaction = services.db.write.begin().await?;
    let backend = transaction.get_database_backend();
    let list = json!(
        over.iter()
            .map(|o| [o.component, o.reports_before, o.minutes_before])
            .collect::<Vec<_>>()
    );
    let parameter = || match backend {
        DbBackend::Sqlite => list.to_string().into(),
        _ => list.clone().into(),
    };
    let mut rows = 0;
    let moved = match backend {
        DbBackend::Sqlite => {
            for sql in [DELETE_REPORTS, &delete_minutes()] {
                let sql = format!("WITH RECURSIVE {} {sql}", marks(backend));
                let statement = Statement::from_sql_and_values(backend, sql, [parameter()]);
                rows += transaction.execute_raw(statement).await?.rows_affected();
            }
            let sql = format!("WITH RECURSIVE {} {MOVE}", marks(backend));
            let statement = Statement::from_sql_and_values(backend, sql, [parameter()]);
            transaction.execute_raw(statement).await?.rows_affected()
        }
        _ => {
            lock(&transaction, over).await?;
            // One statement sees one state of the table: a report is either seen with its note for the
            // rollup, or not at all.
            let sql = format!(
                "WITH RECURSIVE {}, reports AS ({} RETURNING 1), minutes AS ({} RETURNING 1), \
                 moved AS ({MOVE} RETURNING 1) SELECT (SELECT count(*) FROM reports) + \
                 (SELECT count(*) FROM minutes), (SELECT count(*) FROM moved)",
                marks(backend),
                DELETE_REPORTS,
                delete_minutes(),
            );
            let statement = Statement::from_sql_and_values(backend, sql, [parameter()]);
            let counts = transaction.query_one_raw(statement).await?;
            let count = |at| -> Result<u64, DbErr> {
                let count: Option<i64> = match &counts {
                    Some(row) => row.try_get_by_index(at)?,
                    None => None,
                };
                Ok(count.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
            };
            rows = count(0)?;
            count(1)?
        }
    };
    transaction.commit().await?;
    Ok((rows, moved > 0))
}

/// Waits until no rollup of these components is being computed.
async fn lock(transaction: &DatabaseTransaction, over: &[Over]) -> Result<(), DbErr> {
    use entity::component::{Column, Entity};
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
    Entity::find()
        .filter(Column::Id.is_in(over.iter().map(|o| o.component)))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await
        .map(|_| ())
}

/// `t`: for each component the marks as they are and as they are to be. No mark passes a minute that is
/// still to be rolled up, and minutes stay at least as long as reports.
fn marks(backend: DbBackend) -> String {
    let (each, number, least, greatest) = match backend {
        DbBackend::Sqlite => ("json_each($1) v", "v.value->>", "min", "max"),
        _ => (
            "jsonb_array_elements($1) v",
            "v.value->>",
            "least",
            "greatest",
        ),
    };
    let cast = match backend {
        DbBackend::Sqlite => "",
        _ => "::bigint",
    };
    format!(
        "w AS (SELECT ({number}0){cast} AS id, ({number}1){cast} AS reports, \
         ({number}2){cast} AS minutes FROM {each}), \
         r AS (SELECT c.id, c.reports_from_ms AS reports_old, c.minutes_from_ms AS minutes_old, \
         {greatest}(c.reports_from_ms, {least}(w.reports, coalesce((SELECT min(d.bucket_ms) \
         FROM rollup_due d WHERE d.component_id = c.id), w.reports))) AS reports_new, w.minutes \
         FROM w JOIN component c ON c.id = w.id), \
         t AS (SELECT id, reports_old, minutes_old, reports_new, \
         {greatest}(minutes_old, {least}(minutes, reports_new - reports_new % {HOUR_MS})) \
         AS minutes_new FROM r), \
         k AS (SELECT id AS component_id FROM t WHERE minutes_new > minutes_old), {NAMES}"
    )
}

fn delete_minutes() -> String {
    format!(
        "DELETE FROM rollup WHERE (component_id, value, resolution_ms, bucket_ms) IN \
         (SELECT r.component_id, r.value, r.resolution_ms, r.bucket_ms FROM t CROSS JOIN n \
         CROSS JOIN rollup r WHERE n.component_id = t.id AND r.component_id = n.component_id \
         AND r.value = n.value AND r.resolution_ms = {MINUTE_MS} \
         AND r.bucket_ms >= t.minutes_old AND r.bucket_ms < t.minutes_new)"
    )
}

const DELETE_REPORTS: &str = "DELETE FROM report WHERE (component_id, at_ms, sequence) IN \
    (SELECT r.component_id, r.at_ms, r.sequence FROM t JOIN report r \
    ON r.component_id = t.id AND r.at_ms >= t.reports_old AND r.at_ms < t.reports_new)";

const MOVE: &str = "UPDATE component SET reports_from_ms = t.reports_new, \
    minutes_from_ms = t.minutes_new FROM t WHERE component.id = t.id \
    AND (t.reports_new > t.reports_old OR t.minutes_new > t.minutes_old)";
