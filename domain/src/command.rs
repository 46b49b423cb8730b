//! Commands, as a person follows them.

use protocol::{CommandId, ComponentKey, DeviceId, JobId, TimestampMs};
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
        /// The device took it and was not heard of again.
        TimedOut = "timed_out",
        /// Taken back before it was delivered.
        Cancelled = "cancelled",
    }
}

impl CommandState {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Failed
                | Self::Rejected
                | Self::Expired
                | Self::TimedOut
                | Self::Cancelled
        )
    }
}

/// One command with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Whether it leaves what is desired of the component as it is.
    pub transient: bool,
    /// Which try this is, from 1; each has an id of its own.
    pub attempt: u32,
    /// How often it is tried again after a failure.
    pub retries_left: u8,
    /// The first try, where this is a further one.
    pub retry_of: Option<CommandId>,
    /// A further try waits until then.
    pub not_before: Option<TimestampMs>,
    /// The job that it is a part of.
    pub job: Option<JobId>,
}

/// How a command is carried out beside being sent once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandOptions {
    /// Leaves what is desired of the component as it is: for a moment, not for good.
    pub transient: bool,
    /// How often it is tried again after a failure, at most 10.
    pub retries: u8,
    /// How long the second try waits, in milliseconds; each further one twice as long. At most a day.
    pub retry_wait_ms: i64,
    /// How long a device that took it may stay silent about it, in milliseconds; 1 s to 30 days.
    pub timeout_ms: Option<i64>,
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
    /// How it is carried out.
    #[serde(default)]
    pub options: CommandOptions,
}
