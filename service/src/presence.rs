//! Presence: connected, silent or gone, with cause and since when.
//!
//! The broker tells of sessions, the committer of reports; what is written here is what happened last:
//! the end of a session that is not the device's latest changes nothing.

mod deadlines;

use std::time::Duration;

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{Lifecycle, Presence, PresenceCause, PresenceInfo},
    event::{EventKind, Severity},
    live::LiveEvent,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement, TransactionTrait,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{Services, events, internal};
pub use deadlines::{Deadlines, InProcessDeadlines};

/// A device is silent after this many of its report intervals.
const SILENT_INTERVALS: i64 = 3;
/// And not before this time, in milliseconds.
const SILENT_AT_LEAST_MS: i64 = 15_000;
/// How often the deadlines are looked at: a `TIMEOUT` is at most this late.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Devices taken out of the deadlines at once.
const SWEEP_LIMIT: usize = 256;

/// When a device that reports every `interval_ms` and was heard at `heard` is silent.
pub fn deadline(heard: TimestampMs, interval_ms: i64) -> TimestampMs {
    heard.plus_ms((interval_ms.saturating_mul(SILENT_INTERVALS)).max(SILENT_AT_LEAST_MS))
}

/// How bad a status is, 0 the worst: the default order of the list.
pub fn status_rank(lifecycle: Lifecycle, presence: Presence) -> i16 {
    match (lifecycle, presence) {
        (Lifecycle::Active, Presence::Timeout) => 0,
        (Lifecycle::Active, Presence::Offline) => 1,
        (Lifecycle::Active, Presence::Online) => 2,
        (Lifecycle::Unclaimed, _) => 3,
        (Lifecycle::Revoked, _) => 4,
    }
}

/// A session of a device began; `session` tells it apart from earlier ones of the same device.
pub async fn connected(
    services: &Services,
    device: DeviceId,
    session: u64,
) -> Result<(), AppError> {
    services.deadlines.begin(device, session).await?;
    let change = Change::to(Presence::Online, PresenceCause::Connected);
    if let Some(row) = change.write(services, device).await? {
        watch(services, &row).await?;
    }
    Ok(())
}

/// A session ended; one that is not the device's latest changes nothing.
pub async fn disconnected(
    services: &Services,
    device: DeviceId,
    session: u64,
    cause: PresenceCause,
) -> Result<(), AppError> {
    if !services.deadlines.end(device, session).await? {
        return Ok(());
    }
    let change = Change::to(Presence::Offline, cause);
    change.write(services, device).await.map(|_| ())
}

/// These devices were heard: `(device, when received, report interval in milliseconds)`. Moves their
/// deadlines, and ends a `TIMEOUT`.
pub async fn alive(
    services: &Services,
    heard: &[(DeviceId, TimestampMs, i64)],
) -> Result<(), AppError> {
    let due: Vec<_> = heard
        .iter()
        .map(|(device, at, interval)| (*device, deadline(*at, *interval)))
        .collect();
    for device in services.deadlines.set(&due).await? {
        let change = Change::from_to(
            Presence::Timeout,
            Presence::Online,
            PresenceCause::Connected,
        );
        change.write(services, device).await?;
    }
    Ok(())
}

/// Everything connected is `OFFLINE · server restarted` until it connects again; called once, before
/// the broker listens.
pub async fn server_started(services: &Services) -> Result<(), AppError> {
    let backend = services.db.backend();
    let now = services.now().0;
    let offline = Presence::Offline.as_str();
    let cause = PresenceCause::ServerRestarted.as_str();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let detail = json!({ "presence": offline, "cause": cause });
    let event = Statement::from_sql_and_values(
        backend,
        "INSERT INTO device_event (device_id, at_ms, kind, severity, detail, count) \
         SELECT id, $1, $2, $3, $4, 1 FROM device WHERE presence <> $5",
        [
            now.into(),
            EventKind::Presence.as_str().into(),
            Severity::Warning.as_str().into(),
            detail.into(),
            offline.into(),
        ],
    );
    let device = Statement::from_sql_and_values(
        backend,
        "UPDATE device SET presence_cause = $1, presence_since_ms = $2, status_rank = \
         CASE lifecycle WHEN 'active' THEN $3 ELSE status_rank END, presence = $4 \
         WHERE presence <> $4",
        [
            cause.into(),
            now.into(),
            status_rank(Lifecycle::Active, Presence::Offline).into(),
            offline.into(),
        ],
    );
    transaction.execute_raw(event).await.map_err(internal)?;
    transaction.execute_raw(device).await.map_err(internal)?;
    transaction.commit().await.map_err(internal)
}

/// Turns silent devices into `TIMEOUT` when their deadlines pass, until `stop`.
pub async fn sweep(services: Services, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = time_out(&services).await {
            tracing::warn!(%error, "silent devices could not be marked");
        }
    }
}

/// Marks the devices whose deadline is past as `TIMEOUT`.
pub async fn time_out(services: &Services) -> Result<(), AppError> {
    loop {
        let now = services.now();
        let due = services.deadlines.take_due(now, SWEEP_LIMIT).await?;
        for device in &due {
            if let Err(error) = silent(services, *device).await {
                // Due again at once: a database that is away must not hide a silent device.
                services.deadlines.set(&[(*device, now)]).await?;
                return Err(error);
            }
        }
        if due.len() < SWEEP_LIMIT {
            return Ok(());
        }
    }
}

/// Marks one device as silent, unless it has spoken since it was found to be.
async fn silent(services: &Services, device: DeviceId) -> Result<(), AppError> {
    if services.deadlines.is_set(device).await? {
        return Ok(());
    }
    let silent = Change::from_to(Presence::Online, Presence::Timeout, PresenceCause::Silent);
    silent.write(services, device).await?;
    if services.deadlines.is_set(device).await? {
        // It spoke while that was written, and then nothing was there to end.
        let spoke = Change::from_to(
            Presence::Timeout,
            Presence::Online,
            PresenceCause::Connected,
        );
        spoke.write(services, device).await?;
    }
    Ok(())
}

/// Gives a claimed device that just connected its first deadline.
async fn watch(services: &Services, row: &entity::device::Model) -> Result<(), AppError> {
    if row.lifecycle == Lifecycle::Active.as_str() {
        let due = deadline(services.now(), row.report_interval_ms);
        services.deadlines.set(&[(DeviceId(row.uuid), due)]).await?;
    }
    Ok(())
}

struct Change {
    from: Option<Presence>,
    to: Presence,
    cause: PresenceCause,
}

impl Change {
    fn to(to: Presence, cause: PresenceCause) -> Self {
        Self {
            from: None,
            to,
            cause,
        }
    }

    fn from_to(from: Presence, to: Presence, cause: PresenceCause) -> Self {
        Self {
            from: Some(from),
            to,
            cause,
        }
    }

    /// Writes the change and tells of it; gives the device as it now is, or nothing where it is
    /// unknown or not in the presence that the change starts from.
    async fn write(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<Option<entity::device::Model>, AppError> {
        let Some((row, revision)) = self.store(services, device).await.map_err(internal)? else {
            return Ok(None);
        };
        let presence = PresenceInfo {
            presence: self.to,
            cause: self.cause,
            since: TimestampMs(row.presence_since_ms),
        };
        let event = LiveEvent::Presence {
            device,
            revision,
            presence,
        };
        services.bus.publish(vec![event]).await;
        let severity = match self.to {
            Presence::Online => Severity::Info,
            _ if self.cause == PresenceCause::Disconnected => Severity::Info,
            _ => Severity::Warning,
        };
        let detail = json!({ "presence": self.to.as_str(), "cause": self.cause.as_str() });
        let kind = EventKind::Presence;
        events::record(services, row.id, device, kind, severity, detail).await?;
        Ok(Some(row))
    }

    async fn store(
        &self,
        services: &Services,
        device: DeviceId,
    ) -> Result<Option<(entity::device::Model, u64)>, DbErr> {
        use sea_orm::{ActiveModelTrait, ActiveValue::Set};
        let transaction = services.db.write.begin().await?;
        let mut query =
            entity::device::Entity::find().filter(entity::device::Column::Uuid.eq(device.0));
        if let Some(from) = self.from {
            query = query.filter(entity::device::Column::Presence.eq(from.as_str()));
        }
        let Some(row) = query.one(&transaction).await? else {
            return Ok(None);
        };
        let lifecycle = Lifecycle::parse(&row.lifecycle).unwrap_or(Lifecycle::Active);
        let mut row: entity::device::ActiveModel = row.into();
        row.presence = Set(self.to.as_str().to_owned());
        row.presence_cause = Set(self.cause.as_str().to_owned());
        row.presence_since_ms = Set(services.now().0);
        row.status_rank = Set(status_rank(lifecycle, self.to));
        let row = row.update(&transaction).await?;
        let revision = bump_revision(&transaction, &row).await?;
        transaction.commit().await?;
        Ok(Some((row, revision)))
    }
}

/// Counts the device's revision up.
async fn bump_revision(
    transaction: &sea_orm::DatabaseTransaction,
    row: &entity::device::Model,
) -> Result<u64, DbErr> {
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(
        backend,
        "INSERT INTO device_live (device_id, ownership, sequence_high, sequence_bits, state, \
         revision, duplicates, refused_recently) VALUES ($1, $2, -1, $3, $4, 1, 0, 0) \
         ON CONFLICT (device_id) DO UPDATE SET revision = device_live.revision + 1 \
         RETURNING revision",
        [
            row.id.into(),
            row.ownership.into(),
            vec![0_u8; crate::telemetry::window::WINDOW_BYTES].into(),
            json!({}).into(),
        ],
    );
    let revision: i64 = match transaction.query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    };
    Ok(u64::try_from(revision).unwrap_or_default())
}
