//! When each connected device must have spoken again, and which of its sessions is the latest.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use domain::{AppError, DeviceId, TimestampMs};
use parking_lot::Mutex;

/// Sessions and deadlines. Shaped for one process and for one Redis hash and sorted set alike.
#[async_trait]
pub trait Deadlines: Send + Sync + 'static {
    /// A session began; it is now the device's latest.
    async fn begin(&self, device: DeviceId, session: u64) -> Result<(), AppError>;

    /// Whether a session is the device's latest, and has not ended.
    async fn is_latest(&self, device: DeviceId, session: u64) -> Result<bool, AppError>;

    /// A session ended. Where it was the device's latest, the device has no deadline any more.
    async fn end(&self, device: DeviceId, session: u64) -> Result<(), AppError>;

    /// Sets or moves the deadlines of those devices that have a session; gives those which had no
    /// deadline before.
    async fn set(&self, deadlines: &[(DeviceId, TimestampMs)]) -> Result<Vec<DeviceId>, AppError>;

    /// Takes out up to `limit` devices whose deadline is before `now`, the longest due first.
    async fn take_due(&self, now: TimestampMs, limit: usize) -> Result<Vec<DeviceId>, AppError>;

    /// Whether the device has a deadline: one that was taken and has spoken since has one again.
    async fn is_set(&self, device: DeviceId) -> Result<bool, AppError>;
}

/// The sessions and deadlines of a single process.
#[derive(Debug, Default)]
pub struct InProcessDeadlines(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<DeviceId, u64>,
    by_device: HashMap<DeviceId, TimestampMs>,
    by_time: BTreeSet<(TimestampMs, DeviceId)>,
}

#[async_trait]
impl Deadlines for InProcessDeadlines {
    async fn begin(&self, device: DeviceId, session: u64) -> Result<(), AppError> {
        self.0.lock().sessions.insert(device, session);
        Ok(())
    }

    async fn is_latest(&self, device: DeviceId, session: u64) -> Result<bool, AppError> {
        Ok(self.0.lock().sessions.get(&device) == Some(&session))
    }

    async fn end(&self, device: DeviceId, session: u64) -> Result<(), AppError> {
        let mut table = self.0.lock();
        if table.sessions.get(&device) == Some(&session) {
            table.sessions.remove(&device);
            if let Some(at) = table.by_device.remove(&device) {
                table.by_time.remove(&(at, device));
            }
        }
        Ok(())
    }

    async fn set(&self, deadlines: &[(DeviceId, TimestampMs)]) -> Result<Vec<DeviceId>, AppError> {
        let mut table = self.0.lock();
        let mut had_none = Vec::new();
        for &(device, at) in deadlines {
            if !table.sessions.contains_key(&device) {
                continue;
            }
            match table.by_device.insert(device, at) {
                Some(old) => {
                    table.by_time.remove(&(old, device));
                }
                None => had_none.push(device),
            }
            table.by_time.insert((at, device));
        }
        Ok(had_none)
    }

    async fn take_due(&self, now: TimestampMs, limit: usize) -> Result<Vec<DeviceId>, AppError> {
        let mut table = self.0.lock();
        let mut due = Vec::new();
        while due.len() < limit {
            match table.by_time.first().copied() {
                Some((at, device)) if at < now => {
                    table.by_time.remove(&(at, device));
                    table.by_device.remove(&device);
                    due.push(device);
                }
                _ => break,
            }
        }
        Ok(due)
    }

    async fn is_set(&self, device: DeviceId) -> Result<bool, AppError> {
        Ok(self.0.lock().by_device.contains_key(&device))
    }
}
