//! Jobs: the same instruction to many devices, tracked for each.

use protocol::{ComponentKey, DeviceId, JobId, TimestampMs, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    command::CommandState,
    component::Level,
    device::{Presence, text_enum},
};

text_enum! {
    /// Where a job stands.
    JobState {
        /// Devices wait or are at it.
        Running = "running",
        /// No further device begins; those that are at it come to their end.
        Cancelling = "cancelling",
        /// Every device has ended.
        Finished = "finished",
        /// It was cancelled, and every device has ended.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Where one device of a job stands.
    StepState {
        /// Its turn has not come, or it is not connected.
        Waiting = "waiting",
        /// Its command is on its way, or it is at it.
        Running = "running",
        /// It did it.
        Succeeded = "succeeded",
        /// It tried, without success.
        Failed = "failed",
        /// It refused.
        Rejected = "rejected",
        /// It was not reached in time.
        Expired = "expired",
        /// It took it and was not heard of again.
        TimedOut = "timed_out",
        /// The job was cancelled before its turn.
        Cancelled = "cancelled",
        /// It was left out: another's now, revoked, without the component, not commanded by who made the job.
        Skipped = "skipped",
    }
}

impl StepState {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    /// Those that a retry takes by itself: the device was told, and did not do it.
    pub const RETRIED: [Self; 3] = [Self::Failed, Self::Rejected, Self::TimedOut];

    /// Those that a person may ask to be tried again.
    pub fn may_be_retried(self) -> bool {
        self.is_final() && self != Self::Succeeded
    }

    /// What the end of its command means for the device; `None` while it has not ended.
    pub fn of_command(state: CommandState) -> Option<Self> {
        Some(match state {
            CommandState::Completed => Self::Succeeded,
            CommandState::Failed => Self::Failed,
            CommandState::Rejected => Self::Rejected,
            CommandState::Expired => Self::Expired,
            CommandState::TimedOut => Self::TimedOut,
            CommandState::Cancelled => Self::Cancelled,
            CommandState::Queued
            | CommandState::Delivered
            | CommandState::Accepted
            | CommandState::Executing => return None,
        })
    }
}

/// How many devices of a job are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StepCounts {
    /// [`StepState::Waiting`].
    pub waiting: u32,
    /// [`StepState::Running`].
    pub running: u32,
    /// [`StepState::Succeeded`].
    pub succeeded: u32,
    /// [`StepState::Failed`].
    pub failed: u32,
    /// [`StepState::Rejected`].
    pub rejected: u32,
    /// [`StepState::Expired`].
    pub expired: u32,
    /// [`StepState::TimedOut`].
    pub timed_out: u32,
    /// [`StepState::Cancelled`].
    pub cancelled: u32,
    /// [`StepState::Skipped`].
    pub skipped: u32,
}

impl StepCounts {
    /// The count of one state.
    pub fn of(&self, state: StepState) -> u32 {
        match state {
            StepState::Waiting => self.waiting,
            StepState::Running => self.running,
            StepState::Succeeded => self.succeeded,
            StepState::Failed => self.failed,
            StepState::Rejected => self.rejected,
            StepState::Expired => self.expired,
            StepState::TimedOut => self.timed_out,
            StepState::Cancelled => self.cancelled,
            StepState::Skipped => self.skipped,
        }
    }

    /// Where the count of one state stands.
    pub fn of_mut(&mut self, state: StepState) -> &mut u32 {
        match state {
            StepState::Waiting => &mut self.waiting,
            StepState::Running => &mut self.running,
            StepState::Succeeded => &mut self.succeeded,
            StepState::Failed => &mut self.failed,
            StepState::Rejected => &mut self.rejected,
            StepState::Expired => &mut self.expired,
            StepState::TimedOut => &mut self.timed_out,
            StepState::Cancelled => &mut self.cancelled,
            StepState::Skipped => &mut self.skipped,
        }
    }

    /// All devices.
    pub fn total(&self) -> u32 {
        StepState::ALL.iter().map(|state| self.of(*state)).sum()
    }

    /// Those that have ended.
    pub fn ended(&self) -> u32 {
        self.total() - self.waiting - self.running
    }
}

/// Which devices a job is for; what a filter finds is fixed when the job is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// These.
    Devices(Vec<DeviceId>),
    /// Every device that this filter finds, as the list spells it.
    Filter(String),
    /// The devices of another job that ended in these states.
    Retry {
        /// The job.
        job: JobId,
        /// The states.
        states: Vec<StepState>,
    },
}

/// A wish for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    /// What to call it; the command's words where none is given.
    #[serde(default)]
    pub title: String,
    /// Which devices.
    pub target: Target,
    /// The command's name, such as `set`.
    pub name: String,
    /// The component it is for.
    #[serde(default)]
    pub component: Option<ComponentKey>,
    /// Its arguments, a JSON object.
    #[serde(default)]
    pub arguments: Value,
    /// How far a `set` brings the component on, in place of its arguments; devices where it has no levels are left out.
    #[serde(default)]
    pub level: Option<Level>,
    /// How it goes through the devices.
    #[serde(flatten)]
    pub pace: Pace,
}

/// How a job goes through its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Pace {
    /// Leaves what is desired of the component as it is.
    pub transient: bool,
    /// Most devices that are at it at a time, 1 to 1,000.
    pub concurrency: u32,
    /// The least time between two devices that begin, in milliseconds; at most an hour.
    pub stagger_ms: i64,
    /// For how long devices that are not connected are waited for, in milliseconds; 1 s to 30 days.
    pub valid_for_ms: i64,
    /// How long a device that took it may stay silent about it, in milliseconds; 1 s to 30 days.
    pub timeout_ms: i64,
    /// How often each device tries again after a failure, at most 10.
    pub retries: u8,
    /// How long the second try waits, in milliseconds.
    pub retry_wait_ms: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            transient: false,
            concurrency: 50,
            stagger_ms: 0,
            valid_for_ms: 3_600_000,
            timeout_ms: 300_000,
            retries: 0,
            retry_wait_ms: 5_000,
        }
    }
}

/// One instruction to many devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Their name.
    pub created_by_name: String,
    /// When.
    pub created_at: TimestampMs,
    /// Where it stands.
    pub state: JobState,
    /// The command's name.
    pub name: String,
    /// The component it is for.
    pub component: Option<ComponentKey>,
    /// Its arguments.
    pub arguments: Value,
    /// Until when a device may begin.
    pub expires_at: TimestampMs,
    /// When its last device ended.
    pub finished_at: Option<TimestampMs>,
    /// How it goes through the devices; `valid_for_ms` as it was when it was made.
    pub pace: Pace,
    /// The job whose devices it tries again.
    pub parent: Option<JobId>,
    /// How many devices are in each state.
    pub counts: StepCounts,
}

/// One device of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Step {
    /// The device.
    pub device: DeviceId,
    /// Whether this person sees the device now. Of one that they do not see, `device_name` is empty, `presence` is
    /// `OFFLINE` whatever it is, `output` is left out, and `reason` is there only where it was skipped.
    pub visible: bool,
    /// What this person calls it.
    pub device_name: String,
    /// Whether it is there now.
    pub presence: Presence,
    /// Where it stands.
    pub state: StepState,
    /// Why it did not succeed.
    pub reason: Option<String>,
    /// Percent.
    pub progress: Option<u8>,
    /// What it gave.
    pub output: Option<Value>,
    /// Which try.
    pub attempt: u32,
    /// When its command was queued.
    pub started_at: Option<TimestampMs>,
    /// When it ended.
    pub finished_at: Option<TimestampMs>,
}

/// Who will be reached, before anything is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    /// All that were chosen.
    pub total: u32,
    /// Will be told at once.
    pub online: u32,
    /// Connected but silent: may or may not answer.
    pub timeout: u32,
    /// Will be told when they connect in time.
    pub offline: u32,
    /// Left out: without an owner, or revoked.
    pub not_claimed: u32,
    /// Left out: this person may look, but not command.
    pub not_allowed: u32,
    /// Left out: without the component.
    pub not_attached: u32,
    /// Left out: a level is asked for, and their component has only on and off.
    #[serde(default)]
    pub no_level: u32,
    /// Actuators that these devices have, with how many have each.
    pub actuators: Vec<Actuator>,
    /// Names of the first devices that are not there now.
    pub away: Vec<String>,
}

/// An actuator that devices have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Actuator {
    /// Its key.
    pub component: ComponentKey,
    /// What the catalog calls its type, in Korean.
    pub label_ko: String,
    /// What the catalog calls its type, in English.
    pub label_en: String,
    /// How many of the devices have it.
    pub devices: u32,
    /// On how many of them it has levels between on and off.
    #[serde(default)]
    pub with_level: u32,
}
