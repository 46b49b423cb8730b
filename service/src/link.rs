//! The way to the devices: what the service needs of a broker.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{DeviceId, UserId};
use protocol::Topic;

/// The broker could not take it; the database keeps what matters and it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker is not reachable: {0}")]
pub struct LinkError(pub String);

/// Publishes to devices and apps, and ends sessions.
///
/// The embedded broker and an external one both implement it. `ingest` holds the other direction.
#[async_trait]
pub trait DeviceLink: Send + Sync + 'static {
    /// Publishes at QoS 1. Empty `payload` with `retain` deletes the retained message.
    async fn publish(&self, topic: &Topic, payload: Vec<u8>, retain: bool)
    -> Result<(), LinkError>;

    /// Ends the live session of this Common Name, if any, and deletes its broker state.
    async fn disconnect(&self, common_name: &str) -> Result<(), LinkError>;

    /// Whether this device can be given commands now, as far as this process knows: it is connected, and where the
    /// broker tells connections apart, it listens and is who it is known to be.
    fn is_connected(&self, device: DeviceId) -> bool;

    /// Ends the live session of the app with this certificate, if any.
    async fn disconnect_app(&self, user: UserId, serial: &str) -> Result<(), LinkError>;

    /// The people whose apps are connected now; `None` where the broker does not tell.
    fn people_listening(&self) -> Option<HashSet<UserId>>;
}

/// No broker: for tools that only work on the database.
#[derive(Debug, Default)]
pub struct NoLink;

#[async_trait]
impl DeviceLink for NoLink {
    async fn publish(&self, _: &Topic, _: Vec<u8>, _: bool) -> Result<(), LinkError> {
        Err(LinkError("this process has no broker".to_owned()))
    }

    async fn disconnect(&self, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn is_connected(&self, _: DeviceId) -> bool {
        false
    }

    async fn disconnect_app(&self, _: UserId, _: &str) -> Result<(), LinkError> {
        Ok(())
    }

    fn people_listening(&self) -> Option<HashSet<UserId>> {
        Some(HashSet::new())
    }
}
