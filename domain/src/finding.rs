//! What a list of devices shows of each, and lists that are kept to be seen again.

use std::{fmt, str::FromStr};

use protocol::{Email, Scalar, TimestampMs, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    device::{Presence, PresenceCause},
    role::DeviceRole,
    tag::Tag,
};

/// A column of the list beside the device's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Lifecycle or presence, why, and what is wrong.
    Status,
    /// The value worth a column, with its last hour.
    Value,
    /// When the last report was received.
    Report,
    /// The agent's or firmware's version.
    Version,
    /// Version and variant of its hardware.
    Hardware,
    /// The owner's address.
    Owner,
    /// Its tags.
    Tags,
    /// The latest value under a key of its state: `state.cpu_average`.
    State(String),
}

/// It is no [`Column`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no column of the list")]
pub struct NoColumn;

impl Column {
    /// Those that everybody may choose; values of the state are more.
    pub const NAMED: [Self; 7] = [
        Self::Status,
        Self::Value,
        Self::Report,
        Self::Version,
        Self::Hardware,
        Self::Owner,
        Self::Tags,
    ];

    /// What a list shows that nobody has chosen for.
    pub const DEFAULT: [Self; 6] = [
        Self::Status,
        Self::Value,
        Self::Report,
        Self::Version,
        Self::Owner,
        Self::Tags,
    ];

    /// The key of the state that it shows, if it does.
    pub fn state_key(&self) -> Option<&str> {
        match self {
            Self::State(key) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status => "status",
            Self::Value => "value",
            Self::Report => "report",
            Self::Version => "version",
            Self::Hardware => "hardware",
            Self::Owner => "owner",
            Self::Tags => "tags",
            Self::State(key) => return write!(f, "state.{key}"),
        })
    }
}

impl FromStr for Column {
    type Err = NoColumn;

    fn from_str(text: &str) -> Result<Self, NoColumn> {
        let text = text.trim();
        if let Some(key) = text.strip_prefix("state.") {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            let fits = (1..=100).contains(&key.len()) && key.bytes().all(plain);
            return fits.then(|| Self::State(key.to_owned())).ok_or(NoColumn);
        }
        let named = Self::NAMED.into_iter();
        let mut named = named.filter(|column| column.to_string() == text);
        named.next().ok_or(NoColumn)
    }
}

/// What is wrong with a device's connection or clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "trouble", rename_all = "snake_case")]
pub enum Trouble {
    /// It comes and goes.
    Flapping {
        /// How often it has connected within ten minutes.
        connections: u32,
        /// Since when.
        since: TimestampMs,
    },
    /// Its clock is wrong.
    Clock {
        /// How far it is ahead; behind is negative. In milliseconds.
        ahead_ms: i64,
        /// Since when.
        since: TimestampMs,
    },
    /// It is not known whether it is what it says that it is.
    Identity {
        /// Since when.
        since: TimestampMs,
    },
}

/// What a row of the list shows beside the summary of its device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RowExtra {
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// What is wrong with it.
    pub troubles: Vec<Trouble>,
    /// The values of the state that were asked for, in that order.
    pub values: Vec<Option<RowValue>>,
}

/// A value of the state in a row of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowValue {
    /// What it is.
    pub value: Scalar,
    /// Whether somebody has set it by hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

/// What tagging many devices has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkTagged {
    /// Devices whose tags are others now.
    pub changed: u64,
    /// Devices that match but stay as they are: this person may only look at them, or they have as many tags
    /// as they may.
    pub left: u64,
    /// Undoes it; nothing where nothing has changed.
    pub undo: Option<i64>,
}

/// A list that is kept to be seen again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    /// Its id, a UUID.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What follows `/devices?` in its address.
    pub address: String,
    /// Whether everybody is shown it.
    pub shared: bool,
    /// Whether this person may replace and delete it.
    pub may_change: bool,
}

/// Somebody with a role on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sharer {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: Email,
    /// Their role on it.
    pub role: DeviceRole,
    /// Whether they claimed it: their role ends when they give it up.
    pub claimed: bool,
}

/// Presence over the past days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresenceHistory {
    /// From.
    pub from: TimestampMs,
    /// To: now.
    pub to: TimestampMs,
    /// How long a slot is.
    pub slot_ms: i64,
    /// In time order; what of a slot is neither online, silent nor offline is not known.
    pub slots: Vec<PresenceSlot>,
    /// How long it was online.
    pub online_ms: i64,
    /// How long it is known of.
    pub known_ms: i64,
    /// Each time that it was not online, the latest first, at most 50.
    pub absences: Vec<Absence>,
}

/// What part of a slot a device was online, silent and offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresenceSlot {
    /// Its beginning.
    pub at: TimestampMs,
    /// Online.
    pub online_ms: i64,
    /// Connected but silent.
    pub timeout_ms: i64,
    /// Not connected.
    pub offline_ms: i64,
}

/// A time that a device was not online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Absence {
    /// Since when.
    pub from: TimestampMs,
    /// Until when; `None` while it lasts.
    pub to: Option<TimestampMs>,
    /// Silent or offline.
    pub presence: Presence,
    /// Why.
    pub cause: PresenceCause,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_read_as_it_is_written() {
        let state = Column::State("cpu_average".to_owned());
        for column in Column::NAMED.into_iter().chain([state]) {
            assert_eq!(column.to_string().parse(), Ok(column));
        }
        for text in ["", "colour", "state.", "state.<b>"] {
            assert_eq!(text.parse::<Column>(), Err(NoColumn), "{text}");
        }
    }
}
