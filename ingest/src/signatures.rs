//! Which signature each sequence had, of messages that are not reports: reports are told apart by what is stored of
//! them, of an identity or an answer nothing is stored under its sequence.
//!
//! Invariant: bounded for each device and in all. What is forgotten, or was heard by a process before this one, is told
//! by nobody: it counts as a message that came again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use protocol::Envelope;
use service::devices::directory::Known as Sender;

/// Messages of one device that are remembered.
const OF_A_DEVICE: usize = 32;
/// Devices of which any are.
const DEVICES: usize = 16_384;

/// The signatures of the latest messages of each device; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signatures(Arc<Mutex<HashMap<i64, Remembered>>>);

#[derive(Debug, Default)]
struct Remembered {
    /// A new secret starts the sequences again.
    ownership: i64,
    /// Sequences with the beginning of their signatures, the oldest first.
    latest: VecDeque<(u64, u64)>,
}

impl Signatures {
    /// Whether another message than this one, as rightly signed, was stored under its sequence.
    pub(crate) fn tell_of_another(&self, sender: &Sender, envelope: &Envelope) -> bool {
        let Some(signature) = beginning(envelope) else {
            return false;
        };
        let devices = self.0.lock();
        let known = devices
            .get(&sender.device.id)
            .filter(|known| known.ownership == sender.ownership)
            .and_then(|known| known.of(envelope.sequence.0));
        known.is_some_and(|known| known != signature)
    }

    /// A message was stored, now or before; the first one of a sequence is remembered.
    pub(crate) fn note(&self, sender: &Sender, envelope: &Envelope) {
        let Some(signature) = beginning(envelope) else {
            return;
        };
        let mut devices = self.0.lock();
        if devices.len() >= DEVICES && !devices.contains_key(&sender.device.id) {
            devices.clear();
        }
        let known = devices.entry(sender.device.id).or_default();
        if known.ownership != sender.ownership {
            *known = Remembered {
                ownership: sender.ownership,
                latest: VecDeque::new(),
            };
        }
        if known.of(envelope.sequence.0).is_none() {
            if known.latest.len() == OF_A_DEVICE {
                known.latest.pop_front();
            }
            known.latest.push_back((envelope.sequence.0, signature));
        }
    }
}

impl Remembered {
    fn of(&self, sequence: u64) -> Option<u64> {
        let mut latest = self.latest.iter();
        latest
            .find(|(known, _)| *known == sequence)
            .map(|(_, signature)| *signature)
    }
}

/// The first eight bytes of a signature, which is known to be right: another message has them by chance once in 2^64.
fn beginning(envelope: &Envelope) -> Option<u64> {
    u64::from_str_radix(envelope.signature.get(..16)?, 16).ok()
}
