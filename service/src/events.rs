//! What happens to devices: their timeline, and the security log of refusals.
//!
//! The same thing in a row is one event with a count, so that a device that floods cannot fill the table.
//! How long they are kept says [`records`](crate::records).

use domain::{
    AppError, DeviceId, TimestampMs,
    event::{DeviceEvent, EventKind, RefusalReason, Severity},
    live::LiveEvent,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use serde_json::{Value, json};

use crate::{Services, internal};

/// The same thing within this time is one event.
const IN_A_ROW_MS: i64 = 5 * 60_000;
/// Events among which the same thing is looked for: more than there are reasons to refuse a message.
const LOOKED_AT: u64 = 32;

/// Late reports of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateReports {
    /// How many.
    pub reports: u32,
    /// The oldest.
    pub from: TimestampMs,
    /// The newest.
    pub to: TimestampMs,
}

impl LateReports {
    /// One more, measured at `at`.
    pub fn with(before: Option<Self>, at: TimestampMs) -> Self {
        match before {
            None => Self {
                reports: 1,
                from: at,
                to: at,
            },
            Some(late) => Self {
                reports: late.reports + 1,
                from: late.from.min(at),
                to: late.to.max(at),
            },
        }
    }
}

/// Records that something happened to a device and tells who watches it.
pub async fn record(
    services: &Services,
    device: i64,
    uuid: DeviceId,
    kind: EventKind,
    severity: Severity,
    detail: Value,
) -> Result<(), AppError> {
    let what = What {
        kind,
        severity,
        times: 1,
    };
    insert(services, (device, uuid), what, detail).await
}

/// As [`record`]; again within some minutes it is one event with a count, as it was the last time.
pub(crate) async fn record_in_a_row(
    services: &Services,
    of: (i64, DeviceId),
    kind: EventKind,
    severity: Severity,
    detail: Value,
) -> Result<(), AppError> {
    let what = What {
        kind,
        severity,
        times: 1,
    };
    record_or_grow(services, of, what, |_| true, |_| detail.clone()).await
}

/// What happened, and how often at once.
#[derive(Debug, Clone, Copy)]
struct What {
    kind: EventKind,
    severity: Severity,
    times: u32,
}

async fn insert(
    services: &Services,
    (device, uuid): (i64, DeviceId),
    what: What,
    detail: Value,
) -> Result<(), AppError> {
    let row = entity::device_event::ActiveModel {
        device_id: Set(Some(device)),
        at_ms: Set(services.now().0),
        kind: Set(what.kind.as_str().to_owned()),
        severity: Set(what.severity.as_str().to_owned()),
        detail: Set(detail),
        count: Set(i32::try_from(what.times).unwrap_or(i32::MAX)),
        ..Default::default()
    };
    let row = row.insert(&services.db.write).await.map_err(internal)?;
    publish(services, uuid, row).await;
    Ok(())
}

/// Counts what was refused so many times of a device, logs it as a security event, and shows it on the device's page.
/// Never fails: a refusal must not depend on whether it could be written down.
pub async fn refused(
    services: &Services,
    (device, uuid): (i64, DeviceId),
    reason: RefusalReason,
    topic: &str,
    times: u32,
) {
    tracing::warn!(
        target: "security", device = %uuid, reason = reason.as_str(), topic, times,
        "refused {} of device {uuid}", reason.as_str()
    );
    if let Err(error) = count_refusal(services, (device, uuid), reason, topic, times).await {
        tracing::error!(%error, device = %uuid, "a refusal was not written down");
    }
}

/// Records that history came late; consecutive batches of one catch-up are one event.
pub(crate) async fn late(services: &Services, device: i64, uuid: DeviceId, late: LateReports) {
    let grown = |before: Option<&Value>| {
        let number = |key: &str| before.and_then(|b| b.get(key)).and_then(Value::as_i64);
        json!({
            "reports": number("reports").unwrap_or(0) + i64::from(late.reports),
            "from": number("from").map_or(late.from.0, |from| from.min(late.from.0)),
            "to": number("to").map_or(late.to.0, |to| to.max(late.to.0)),
        })
    };
    let what = What {
        kind: EventKind::LateData,
        severity: Severity::Info,
        times: 1,
    };
    if let Err(error) = record_or_grow(services, (device, uuid), what, |_| true, grown).await {
        tracing::error!(%error, device = %uuid, "late data was not written down");
    }
}

async fn count_refusal(
    services: &Services,
    (device, uuid): (i64, DeviceId),
    reason: RefusalReason,
    topic: &str,
    times: u32,
) -> Result<(), AppError> {
    let backend = services.db.backend();
    let now = services.now().0;
    let count = Statement::from_sql_and_values(
        backend,
        "INSERT INTO refusal (device_id, reason, count, last_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (device_id, reason) DO UPDATE SET count = refusal.count + excluded.count, \
         last_ms = excluded.last_ms",
        [
            device.into(),
            reason.as_str().into(),
            i64::from(times).into(),
            now.into(),
        ],
    );
    let mark = Statement::from_sql_and_values(
        backend,
        "UPDATE device_live SET refused_recently = refused_recently + $2 WHERE device_id = $1",
        [device.into(), i64::from(times).into()],
    );
    let db = &services.db.write;
    db.execute_raw(count).await.map_err(internal)?;
    db.execute_raw(mark).await.map_err(internal)?;
    let same =
        |before: &Value| before.get("reason").and_then(Value::as_str) == Some(reason.as_str());
    let grown = |_: Option<&Value>| json!({ "reason": reason.as_str(), "topic": topic });
    let what = What {
        kind: EventKind::Refused,
        severity: Severity::Warning,
        times,
    };
    record_or_grow(services, (device, uuid), what, same, grown).await
}

/// Grows one of the device's latest events where it is the same thing and recent, whatever else happened in
/// between; records a new one otherwise.
async fn record_or_grow(
    services: &Services,
    (device, uuid): (i64, DeviceId),
    what: What,
    same: impl Fn(&Value) -> bool,
    detail: impl Fn(Option<&Value>) -> Value,
) -> Result<(), AppError> {
    use entity::device_event::{Column, Entity};
    let now = services.now().0;
    let latest = Entity::find()
        .filter(Column::DeviceId.eq(device))
        .order_by_desc(Column::Id)
        .limit(LOOKED_AT)
        .all(&services.db.read)
        .await
        .map_err(internal)?
        .into_iter()
        .find(|e| e.kind == what.kind.as_str() && now - e.at_ms <= IN_A_ROW_MS && same(&e.detail));
    let Some(latest) = latest else {
        return insert(services, (device, uuid), what, detail(None)).await;
    };
    let times = i32::try_from(what.times).unwrap_or(i32::MAX);
    let count = latest.count.saturating_add(times);
    let detail = detail(Some(&latest.detail));
    let mut row: entity::device_event::ActiveModel = latest.into();
    row.at_ms = Set(now);
    row.count = Set(count);
    row.detail = Set(detail);
    let row = row.update(&services.db.write).await.map_err(internal)?;
    publish(services, uuid, row).await;
    Ok(())
}

async fn publish(services: &Services, device: DeviceId, row: entity::device_event::Model) {
    if let Some(event) = from_row(row) {
        services
            .bus
            .publish(vec![LiveEvent::Event { device, event }])
            .await;
    }
}

/// The event of a row; `None` where a later version wrote a kind that this one does not know.
pub fn from_row(row: entity::device_event::Model) -> Option<DeviceEvent> {
    Some(DeviceEvent {
        id: row.id,
        at: TimestampMs(row.at_ms),
        kind: EventKind::parse(&row.kind)?,
        severity: Severity::parse(&row.severity)?,
        detail: row.detail,
        count: u32::try_from(row.count).unwrap_or(1),
    })
}
