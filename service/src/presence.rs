//! Presence: connected, silent or gone, with cause and since when.
//!
//! The broker tells of sessions, the committer of reports; what is written here is what happened last:
//! the end of a session that is not the device's latest changes nothing.

mod change;
mod deadlines;
mod history;
mod pace;

use std::{collections::HashSet, time::Duration};

use domain::{
    AppError, DeviceId, TimestampMs,
    device::{Lifecycle, Presence, PresenceCause},
    event::{EventKind, Severity},
};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{Services, internal};
pub use change::AT_ONCE;
use change::Change;
pub use deadlines::{Deadlines, InProcessDeadlines};
pub use history::{MOST_CHANGES, MOST_DAYS, history};
pub(crate) use pace::paced;

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

/// What happened to a session of a device; `session` tells it apart from earlier ones of the same device.
#[derive(Debug, Clone, Copy)]
pub struct SessionChange {
    /// Whose.
    pub device: DeviceId,
    /// Which.
    pub session: u64,
    /// Why it ended; `None` where it began.
    pub ended: Option<PresenceCause>,
}

/// A session of a device began.
pub async fn connected(
    services: &Services,
    device: DeviceId,
    session: u64,
) -> Result<(), AppError> {
    let began = SessionChange {
        device,
        session,
        ended: None,
    };
    sessions(services, &[began]).await
}

/// A session ended; one that is not the device's latest changes nothing.
pub async fn disconnected(
    services: &Services,
    device: DeviceId,
    session: u64,
    cause: PresenceCause,
) -> Result<(), AppError> {
    let ended = SessionChange {
        device,
        session,
        ended: Some(cause),
    };
    sessions(services, &[ended]).await
}

/// Sessions of different devices began or ended; up to [`AT_ONCE`] of them are written at once.
///
/// A session is forgotten when its end is written, not before: what could not be written can be told again,
/// and a device whose end is never written still falls silent.
pub async fn sessions(services: &Services, happened: &[SessionChange]) -> Result<(), AppError> {
    let mut changes = Vec::with_capacity(happened.len());
    let mut gone = Vec::new();
    for &SessionChange {
        device,
        session,
        ended,
    } in happened
    {
        match ended {
            None => {
                services.deadlines.begin(device, session).await?;
                let (to, cause) = (Presence::Online, PresenceCause::Connected);
                changes.push(Change::to(device, to, cause));
            }
            Some(cause) => {
                if services.deadlines.is_latest(device, session).await? {
                    gone.push((device, session));
                    changes.push(Change::to(device, Presence::Offline, cause));
                }
            }
        }
    }
    let began: HashSet<DeviceId> = happened
        .iter()
        .filter(|change| change.ended.is_none())
        .map(|change| change.device)
        .collect();
    let now = services.now();
    let written = change::write(services, &changes).await?;
    for (device, session) in gone {
        services.deadlines.end(device, session).await?;
    }
    let due: Vec<_> = written
        .into_iter()
        .map(|changed| changed.row)
        .filter(|row| began.contains(&DeviceId(row.uuid)))
        // A claimed device is given its first deadline.
        .filter(|row| row.lifecycle == Lifecycle::Active.as_str())
        .map(|row| (DeviceId(row.uuid), deadline(now, row.report_interval_ms)))
        .collect();
    services.deadlines.set(&due).await.map(|_| ())
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
    let spoke = services.deadlines.set(&due).await?;
    speaking(services, &spoke).await
}

/// Ends the `TIMEOUT` of devices that have spoken.
async fn speaking(services: &Services, devices: &[DeviceId]) -> Result<(), AppError> {
    let changes: Vec<_> = devices
        .iter()
        .map(|device| {
            let (from, to) = (Presence::Timeout, Presence::Online);
            Change::from_to(*device, from, to, PresenceCause::Connected)
        })
        .collect();
    change::write(services, &changes).await.map(|_| ())
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
        if let Err(error) = silent(services, &due).await {
            // Due again at once: a database that is away must not hide a silent device.
            let again: Vec<_> = due.iter().map(|device| (*device, now)).collect();
            services.deadlines.set(&again).await?;
            return Err(error);
        }
        if due.len() < SWEEP_LIMIT {
            return Ok(());
        }
    }
}

/// Marks devices as silent, but for those that have spoken since they were found to be.
async fn silent(services: &Services, due: &[DeviceId]) -> Result<(), AppError> {
    let mut changes = Vec::with_capacity(due.len());
    for device in due {
        if !services.deadlines.is_set(*device).await? {
            let (from, to) = (Presence::Online, Presence::Timeout);
            changes.push(Change::from_to(*device, from, to, PresenceCause::Silent));
        }
    }
    change::write(services, &changes).await?;
    let mut spoke = Vec::new();
    for change in &changes {
        if services.deadlines.is_set(change.device).await? {
            // It spoke while that was written, and then nothing was there to end.
            spoke.push(change.device);
        }
    }
    speaking(services, &spoke).await
}
