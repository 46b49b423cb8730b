//! Live updates for browsers: one task reads the bus, every connection has a bounded mailbox.
//!
//! Invariant: a subscription listens before the revisions of its devices are read, and what is not above them is
//! dropped; so nothing is missed. A page is told that something changed, and reads it where it is checked who may; a
//! program may ask for its devices as they stand before it is told of changes (`docs/live.md`). A slow reader gets the
//! latest state of each device, never a growing queue.

mod connection;
mod mailbox;
mod registry;
mod standing;
mod subscription;

use std::sync::Arc;

use axum::extract::ws::WebSocket;
use futures::future::BoxFuture;
use service::{Actor, Services};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use self::registry::Registry;

/// Serves the live connections of all browsers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LiveHub {
    services: Services,
    registry: Arc<Registry>,
    stop: CancellationToken,
}

impl LiveHub {
    /// A hub, and its task, which listens to the bus until `stop`; nothing is told where nobody runs it.
    pub fn new(
        services: Services,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let registry = Arc::new(Registry::default());
        let listening = fan_out(services.bus.subscribe(), registry.clone(), stop.clone());
        let hub = Self {
            services,
            registry,
            stop,
        };
        (hub, listening)
    }

    /// How many browser tabs are connected.
    pub fn connections(&self) -> usize {
        self.registry.len()
    }

    /// Serves one browser until either side ends it, or `still` no longer says that it is the same actor's.
    pub async fn serve(
        &self,
        socket: WebSocket,
        actor: Actor,
        still: impl Fn() -> BoxFuture<'static, Option<Actor>> + Send,
    ) {
        let (services, registry) = (&self.services, &self.registry);
        connection::serve(services, registry, &self.stop, socket, actor, still).await;
    }
}

async fn fan_out(
    mut bus: tokio::sync::broadcast::Receiver<Arc<domain::live::LiveEvent>>,
    registry: Arc<Registry>,
    stop: CancellationToken,
) {
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = bus.recv() => heard,
        };
        match heard {
            Ok(event) => registry.tell(&event),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "the live bus ran ahead; every page reads again");
                registry.read_again();
            }
            Err(RecvError::Closed) => return,
        }
    }
}
