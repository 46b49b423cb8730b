//! The state cache: the latest state of every device, without asking the database.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use async_trait::async_trait;
use domain::{DeviceId, TimestampMs, device::StateMap, error::AppError, forced::Forced};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// The merged state of one device at one revision.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CachedState {
    /// Counts up with every change.
    pub revision: u64,
    /// The flat state.
    pub state: StateMap,
    /// When each key was measured.
    pub state_at: BTreeMap<String, TimestampMs>,
    /// Which values somebody has set by hand.
    #[serde(default)]
    pub forced: BTreeMap<String, Forced>,
}

impl CachedState {
    /// What the device itself reported last, without what was set by hand.
    pub fn reported(&self) -> Cow<'_, StateMap> {
        if self.forced.is_empty() {
            return Cow::Borrowed(&self.state);
        }
        let mut state = self.state.clone();
        for (key, forced) in &self.forced {
            match &forced.before {
                Some(before) => state.insert(key.clone(), before.clone()),
                None => state.remove(key),
            };
        }
        Cow::Owned(state)
    }
}

/// Keeps states; an older revision never replaces a newer one. Shaped for one process and for Redis
/// hashes alike: many devices in one call.
#[async_trait]
pub trait StateCache: Send + Sync + 'static {
    /// What is known of these devices; absent ones are not in the answer.
    async fn get(&self, devices: &[DeviceId]) -> Result<HashMap<DeviceId, CachedState>, AppError>;

    /// Keeps these states.
    async fn put(&self, states: Vec<(DeviceId, CachedState)>) -> Result<(), AppError>;

    /// Forgets a device.
    async fn forget(&self, device: DeviceId) -> Result<(), AppError>;
}

/// The cache of a single process.
#[derive(Debug, Default)]
pub struct InProcessCache(RwLock<HashMap<DeviceId, CachedState>>);

#[async_trait]
impl StateCache for InProcessCache {
    async fn get(&self, devices: &[DeviceId]) -> Result<HashMap<DeviceId, CachedState>, AppError> {
        let map = self.0.read();
        Ok(devices
            .iter()
            .filter_map(|id| map.get(id).map(|s| (*id, s.clone())))
            .collect())
    }

    async fn put(&self, states: Vec<(DeviceId, CachedState)>) -> Result<(), AppError> {
        let mut map = self.0.write();
        for (id, state) in states {
            let newer = map
                .get(&id)
                .is_none_or(|known| known.revision <= state.revision);
            if newer {
                map.insert(id, state);
            }
        }
        Ok(())
    }

    async fn forget(&self, device: DeviceId) -> Result<(), AppError> {
        self.0.write().remove(&device);
        Ok(())
    }
}
