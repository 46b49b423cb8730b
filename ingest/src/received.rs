//! A message as the broker took it: its sender is proved by its certificate, its content by nothing yet.

use std::sync::Arc;

use bytes::Bytes;
use domain::{DeviceId, TimestampMs, event::RefusalReason};
use protocol::{Envelope, EnvelopeError, Topic, envelope};
use service::devices::directory::Known;

/// A message of a device.
#[derive(Debug, Clone)]
pub struct Received {
    /// Who sent it, by its certificate.
    pub device: DeviceId,
    /// Where to; the broker's rules let the device publish there.
    pub topic: Topic,
    /// What.
    pub payload: Bytes,
    /// When.
    pub received_at: TimestampMs,
    /// What was known of the device when the broker let it publish, where it had to look.
    pub sender: Option<Arc<Known>>,
}

impl Received {
    /// Reads the envelope.
    pub(crate) fn open(&self) -> Result<Envelope, RefusalReason> {
        envelope::open(&self.payload).map_err(|error| match error {
            EnvelopeError::TooLarge => RefusalReason::PayloadTooLarge,
            EnvelopeError::Json(_) | EnvelopeError::Member(_) => RefusalReason::Malformed,
        })
    }
}
