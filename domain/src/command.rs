//! Commands, as a person follows them.

use protocol::{CommandId, ComponentKey, DeviceId, TimestampMs};
use serde::{Deserialize, Serialize};

use crate::device::text_enum;

text_enum! {
    /// Where a command stands.
    CommandState {
        /// In the queue: the device is not connected, or its turn has not come.
        Queued = "queued",
        /// Published to the connected device.
        Delivered = "delivered",
        /// The device took it.
        Accepted = "accepted",
        /// Under way.
        Executing = "executing",
        /// Done.
        Completed = "completed",
        /// Tried, without success.
        Failed = "failed",
        /// The device refused it.
        Rejected = "rejected",
        /// Its time ran out before the device took it.
        Expired = "expired",
        /// Taken back before it was delivered.
        Cancelled = "cancelled",
    }
}

impl CommandState {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Rejected | Self::Expired | Self::Cancelled
        )
    }
}

/// One command with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The device it is for.
    pub device: DeviceId,
    /// Its name, such as `set`.
    pub name: String,
    /// The component it is for.
    pub component: Option<ComponentKey>,
    /// Its arguments, a JSON object.
    pub arguments: serde_json::Value,
    /// Where it stands.
    pub state: CommandState,
    /// Percent done, while executing.
    pub progress: Option<u8>,
    /// Why it failed, was rejected or expired.
    pub reason: Option<String>,
    /// What it gave.
    pub output: Option<serde_json::Value>,
    /// The name of the person who sent it.
    pub created_by: String,
    /// When it was queued.
    pub queued_at: TimestampMs,
    /// When it was published to the device.
    pub delivered_at: Option<TimestampMs>,
    /// When the device took it.
    pub accepted_at: Option<TimestampMs>,
    /// When it began.
    pub executing_at: Option<TimestampMs>,
    /// When it ended, in whichever way.
    pub finished_at: Option<TimestampMs>,
    /// Until when the device may begin it.
    pub expires_at: TimestampMs,
}

/// A wish to send a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewCommand {
    /// Its name, such as `set`.
    pub name: String,
    /// The component it is for.
    pub component: Option<ComponentKey>,
    /// Its arguments, a JSON object.
    pub arguments: serde_json::Value,
    /// For how long it may wait for the device, in milliseconds; 1 s to 30 days.
    pub valid_for_ms: i64,
}
