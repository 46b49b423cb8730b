//! A device's raw messages, as somebody watches them pass.

use protocol::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::{
    device::{PresenceCause, text_enum},
    event::RefusalReason,
};

text_enum! {
    /// Which way a message went.
    Direction {
        /// From the device.
        Up = "up",
        /// To the device.
        Down = "down",
    }
}

text_enum! {
    /// What passed.
    Packet {
        /// A message on a topic.
        Publish = "publish",
        /// A filter that the device asked for.
        Subscribe = "subscribe",
        /// A connection that began, or was refused.
        Connect = "connect",
        /// A connection that ended.
        Disconnect = "disconnect",
    }
}

text_enum! {
    /// What became of it.
    Fate {
        /// Taken.
        Taken = "taken",
        /// A batch was taken without those of its reports that were refused.
        TakenInPart = "taken_in_part",
        /// It had come before: stored once, and counted.
        Duplicate = "duplicate",
        /// Kept apart, because its sender's identity is in doubt.
        KeptApart = "kept_apart",
        /// Refused for good.
        Refused = "refused",
        /// Not stored now: the device keeps it and sends it again.
        KeptBack = "kept_back",
        /// Given to the broker for the device.
        Sent = "sent",
        /// The broker did not take it.
        NotSent = "not_sent",
    }
}

/// One message as it was on the wire; what is secret in it is blotted out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficMessage {
    /// Counts up.
    pub number: u64,
    /// When the server had it.
    pub at: TimestampMs,
    /// Which way it went.
    pub direction: Direction,
    /// What it was.
    pub packet: Packet,
    /// Its topic or filter; empty for connections.
    pub topic: String,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Its text as it was spelled, at most 4,096 bytes of it; none where there was none.
    pub payload: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// Why it was refused, or the first of its reports that were.
    pub refused: Option<RefusalReason>,
    /// Why a connection ended.
    pub cause: Option<PresenceCause>,
}

text_enum! {
    /// Which messages are shown.
    TrafficFilter {
        /// All.
        All = "all",
        /// Those from the device.
        Up = "up",
        /// Those to the device.
        Down = "down",
        /// Those that were not taken, or not whole.
        Refused = "refused",
    }
}

/// Which of a device's messages are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficQuery {
    /// Which of them.
    pub only: TrafficFilter,
    /// Only those whose topic or text holds this, whatever the case of its letters.
    pub search: String,
    /// Only those after the one with this number.
    pub after: u64,
}

impl Default for TrafficQuery {
    fn default() -> Self {
        Self {
            only: TrafficFilter::All,
            search: String::new(),
            after: 0,
        }
    }
}

impl TrafficQuery {
    /// Whether a message is asked for.
    pub fn asks_for(&self, message: &TrafficMessage) -> bool {
        let of_kind = match self.only {
            TrafficFilter::All => true,
            TrafficFilter::Up => message.direction == Direction::Up,
            TrafficFilter::Down => message.direction == Direction::Down,
            TrafficFilter::Refused => !matches!(message.fate, Fate::Taken | Fate::Sent),
        };
        let sought = self.search.trim().to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&sought);
        let found = sought.is_empty()
            || holds(&message.topic)
            || message.payload.as_deref().is_some_and(holds);
        message.number > self.after && of_kind && found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, direction: Direction, fate: Fate) -> TrafficMessage {
        TrafficMessage {
            number,
            at: TimestampMs(1),
            direction,
            packet: Packet::Publish,
            topic: "presence/X".to_owned(),
            size_bytes: 2,
            payload: Some("{\"한\":1}".to_owned()),
            fate,
            refused: None,
            cause: None,
        }
    }

    #[test]
    fn what_is_asked_for_is_told_from_the_rest() {
        let asks =
            |query: &TrafficQuery, direction, fate| query.asks_for(&message(5, direction, fate));
        let mut query = TrafficQuery::default();
        assert!(asks(&query, Direction::Up, Fate::Taken));
        query.only = TrafficFilter::Refused;
        assert!(!asks(&query, Direction::Up, Fate::Taken));
        assert!(!asks(&query, Direction::Down, Fate::Sent));
        assert!(asks(&query, Direction::Up, Fate::Duplicate));
        query.search = " PRESENCE ".to_owned();
        assert!(asks(&query, Direction::Up, Fate::Refused));
        query.search = "한".to_owned();
        assert!(asks(&query, Direction::Up, Fate::Refused));
        query.search = "other".to_owned();
        assert!(!asks(&query, Direction::Up, Fate::Refused));
        query = TrafficQuery {
            after: 5,
            ..TrafficQuery::default()
        };
        assert!(!asks(&query, Direction::Up, Fate::Taken));
    }
}
