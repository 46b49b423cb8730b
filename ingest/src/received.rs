//! A message as the broker took it: its sender is proved by its certificate, its content by nothing yet.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

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
    /// The connection that it came over, where the broker tells connections apart.
    pub session: Option<Session>,
}

/// Findings are numbered from 1.
const KNOWN: i64 = -1;

/// One connection of a device, whether it has said who it is, and whether it listens; clones are of the same
/// connection.
#[derive(Debug, Clone)]
pub struct Session {
    /// Tells it apart from others of the same device.
    pub number: u64,
    standing: Arc<AtomicI64>,
    listens: Arc<AtomicBool>,
}

/// What a connection has said of its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing yet.
    Nothing,
    /// What is known, or what is let through.
    Known,
    /// Something else: it is kept apart for this finding.
    Doubtful(i64),
}

impl Session {
    /// A connection that has said nothing yet.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            standing: Arc::default(),
            listens: Arc::default(),
        }
    }

    /// It has subscribed to its commands.
    pub fn listens(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    /// Whether commands are for it: it listens, and is who the device is known to be. Until it has said so, somebody
    /// else with the device's certificate may be at its other end.
    pub fn may_be_told(&self) -> bool {
        self.listens.load(Ordering::Relaxed) && self.said() == Said::Known
    }

    pub(crate) fn said(&self) -> Said {
        match self.standing.load(Ordering::Relaxed) {
            0 => Said::Nothing,
            KNOWN => Said::Known,
            finding => Said::Doubtful(finding),
        }
    }

    pub(crate) fn note(&self, said: Said) {
        let number = match said {
            Said::Nothing => 0,
            Said::Known => KNOWN,
            Said::Doubtful(finding) => finding,
        };
        self.standing.store(number, Ordering::Relaxed);
    }
}

impl Received {
    /// Whether it brings reports, which are told apart by what is stored of them, each with a moment of its own.
    pub(crate) fn has_reports(&self) -> bool {
        matches!(self.topic, Topic::Report { .. } | Topic::Batch { .. })
    }

    /// Reads the envelope.
    pub(crate) fn open(&self) -> Result<Envelope, RefusalReason> {
        envelope::open(&self.payload).map_err(|error| match error {
            EnvelopeError::TooLarge => RefusalReason::PayloadTooLarge,
            EnvelopeError::Json(_) | EnvelopeError::Member(_) => RefusalReason::Malformed,
        })
    }
}
