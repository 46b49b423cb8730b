//! What an MQTT broker is to Madang: the way down to the devices, and a source of messages.

use std::sync::Arc;

use async_trait::async_trait;
use service::{Services, link::DeviceLink};
use tokio_util::sync::CancellationToken;

use crate::Pipeline;

/// A broker stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("the broker: {0}")]
pub struct BrokerError(pub String);

/// A broker, embedded or external.
///
/// It hands every message to the pipeline and acknowledges it to its sender when, and only when, the
/// pipeline says so; it tells `service::presence` of sessions, and delivers what waits to who connects.
#[async_trait]
pub trait Broker: DeviceLink {
    /// Serves until `stop`.
    async fn run(
        self: Arc<Self>,
        services: Services,
        pipeline: Pipeline,
        stop: CancellationToken,
    ) -> Result<(), BrokerError>;

    /// Whether devices can reach the site through it now.
    fn is_up(&self) -> bool;

    /// How many devices and apps are connected, as far as this process knows.
    fn connections(&self) -> usize;
}
