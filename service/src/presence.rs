//! Presence: connected, silent or gone, with cause and since when.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use domain::{AppError, DeviceId, TimestampMs, device::PresenceCause};
use parking_lot::Mutex;

use crate::Services;

/// When each connected device must have spoken again. Shaped for one process and for one Redis sorted
/// set alike.
#[async_trait]
pub trait Deadlines: Send + Sync + 'static {
    /// Sets or moves the deadlines of these devices.
    async fn set(&self, deadlines: &[(DeviceId, TimestampMs)]) -> Result<(), AppError>;

    /// Forgets a device: it is not connected.
    async fn clear(&self, device: DeviceId) -> Result<(), AppError>;

    /// Takes out up to `limit` devices whose deadline is before `now`, the longest due first.
    async fn take_due(&self, now: TimestampMs, limit: usize) -> Result<Vec<DeviceId>, AppError>;
}

/// The deadlines of a single process.
#[derive(Debug, Default)]
pub struct InProcessDeadlines(Mutex<DeadlineTable>);

#[derive(Debug, Default)]
struct DeadlineTable {
    by_device: HashMap<DeviceId, TimestampMs>,
    by_time: BTreeSet<(TimestampMs, DeviceId)>,
}

#[async_trait]
impl Deadlines for InProcessDeadlines {
    async fn set(&self, deadlines: &[(DeviceId, TimestampMs)]) -> Result<(), AppError> {
        let mut table = self.0.lock();
        for &(device, at) in deadlines {
            if let Some(old) = table.by_device.insert(device, at) {
                table.by_time.remove(&(old, device));
            }
            table.by_time.insert((at, device));
        }
        Ok(())
    }

    async fn clear(&self, device: DeviceId) -> Result<(), AppError> {
        let mut table = self.0.lock();
        if let Some(old) = table.by_device.remove(&device) {
            table.by_time.remove(&(old, device));
        }
        Ok(())
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
}

/// A session of a device began; `session` tells it apart from earlier ones of the same device.
pub async fn connected(
    services: &Services,
    device: DeviceId,
    session: u64,
) -> Result<(), AppError> {
    let _ = (services, device, session);
    Err(AppError::Unavailable)
}

/// A session ended; one that is not the device's latest changes nothing.
pub async fn disconnected(
    services: &Services,
    device: DeviceId,
    session: u64,
    cause: PresenceCause,
) -> Result<(), AppError> {
    let _ = (services, device, session, cause);
    Err(AppError::Unavailable)
}

/// Everything is `OFFLINE · server restarted` until it connects; called once, before the broker listens.
pub async fn server_started(services: &Services) -> Result<(), AppError> {
    let _ = services;
    Err(AppError::Unavailable)
}
