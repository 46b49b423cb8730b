//! The live bus: tells every process what changed. It may lose; the store is the truth.

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
}

/// The bus of a single process.
#[derive(Debug)]
pub struct InProcessBus(broadcast::Sender<std::sync::Arc<LiveEvent>>);

impl InProcessBus {
    /// A bus whose readers may lag `capacity` events before they miss some.
    pub fn new(capacity: usize) -> Self {
        Self(broadcast::channel(capacity).0)
    }
}

#[async_trait]
impl LiveBus for InProcessBus {
    async fn publish(&self, events: Vec<LiveEvent>) {
        if self.0.receiver_count() > 0 {
            for event in events {
                // An error says that nobody listens any more.
                let _ = self.0.send(std::sync::Arc::new(event));
            }
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<std::sync::Arc<LiveEvent>> {
        self.0.subscribe()
    }
}
