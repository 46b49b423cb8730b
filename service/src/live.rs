//! The live bus: tells every process what changed. It may lose; the store is the truth.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::live::LiveEvent;
use tokio::sync::broadcast;

/// Publishes changes to every process that serves browsers and apps.
///
/// Shaped for one process and for Redis alike: a whole batch in one call, after the commit, and a
/// reader that is told how many events it missed.
#[async_trait]
pub trait LiveBus: Send + Sync + 'static {
    /// Tells what changed; never waits for readers.
    async fn publish(&self, events: Vec<LiveEvent>);

    /// Hears everything that is published from now on.
    fn subscribe(&self) -> broadcast::Receiver<std::sync::Arc<LiveEvent>>;

    /// Grows whenever this process has heard that a device itself changed: that it came, went, or is
    /// another's now, that a person sees others than before, or has notices that they had not. What was counted or
    /// found before may be wrong then.
    fn device_changes(&self) -> u64;
}

/// The bus of a single process.
#[derive(Debug)]
pub struct InProcessBus {
    readers: broadcast::Sender<std::sync::Arc<LiveEvent>>,
    device_changes: AtomicU64,
}

impl InProcessBus {
    /// A bus whose readers may lag `capacity` events before they miss some.
    pub fn new(capacity: usize) -> Self {
        Self {
            readers: broadcast::channel(capacity).0,
            device_changes: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl LiveBus for InProcessBus {
    async fn publish(&self, events: Vec<LiveEvent>) {
        let changed = |event: &LiveEvent| {
            matches!(
                event,
                LiveEvent::Device { .. }
                    | LiveEvent::Presence { .. }
                    | LiveEvent::Access { .. }
                    | LiveEvent::Notice { .. }
            )
        };
        if events.iter().any(changed) {
            self.device_changes.fetch_add(1, Ordering::Release);
        }
        if self.readers.receiver_count() > 0 {
            for event in events {
                // An error says that nobody listens any more.
                let _ = self.readers.send(std::sync::Arc::new(event));
            }
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<std::sync::Arc<LiveEvent>> {
        self.readers.subscribe()
    }

    fn device_changes(&self) -> u64 {
        self.device_changes.load(Ordering::Acquire)
    }
}
