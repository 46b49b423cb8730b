//! What passes between a device and the server, as it is noted.

use domain::{
    device::PresenceCause,
    event::RefusalReason,
    traffic::{Direction, Fate, Packet},
};

/// A message on its way through the server.
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// What it is.
    pub packet: Packet,
    /// Its topic or filter.
    pub topic: &'a str,
    /// Its bytes, where it has any.
    pub payload: Option<&'a [u8]>,
    /// What became of it.
    pub fate: Fate,
    /// Why it was refused.
    pub refused: Option<RefusalReason>,
    /// Why a connection ended.
    pub cause: Option<PresenceCause>,
}

impl<'a> Passing<'a> {
    /// A message from the device.
    pub fn up(topic: &'a str, payload: &'a [u8], fate: Fate) -> Self {
        Self {
            direction: Direction::Up,
            packet: Packet::Publish,
            topic,
            payload: Some(payload),
            fate,
            refused: None,
            cause: None,
        }
    }

    /// Something else that the device did.
    pub fn act(packet: Packet, topic: &'a str, fate: Fate) -> Self {
        Self {
            packet,
            payload: None,
            ..Self::up(topic, &[], fate)
        }
    }

    /// The same, refused for this reason.
    #[must_use]
    pub fn refused(self, reason: RefusalReason) -> Self {
        Self {
            fate: Fate::Refused,
            refused: Some(reason),
            ..self
        }
    }
}
