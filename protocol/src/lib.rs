//! The wire: what a device, an agent or a client says to Madang.
//!
//! Topics, signed payloads, enrolment and the types of the agent's HTTP calls; also how the programs at
//! both of its ends say an error. Nothing else in the workspace spells a topic or a field name. The
//! golden files in `fixtures/v1/` hold the truth and are frozen once released: this crate changes only
//! by addition. No I/O; compiles to wasm.

pub mod batch;
pub mod causes;
pub mod command;
pub mod enroll;
pub mod envelope;
pub mod identity;
pub mod ids;
pub mod improv;
#[cfg(not(target_family = "wasm"))]
mod jcs;
pub mod json;
pub mod problem;
pub mod report;
#[cfg(not(target_family = "wasm"))]
pub mod secret;
pub mod topic;
pub mod wifi;

pub use batch::{Batch, BatchReport};
pub use command::{CommandMessage, CommandResult, CommandStatus, DesiredState, STATE_DESIRED};
pub use envelope::{Envelope, EnvelopeError, open};
pub use ids::{
    CommandId, ComponentKey, ComponentType, DeviceId, Email, ImportId, JobId, NameError, Sequence,
    TimestampMs, UserId, ValueName,
};
pub use report::{Report, Scalar};
#[cfg(not(target_family = "wasm"))]
pub use secret::{SharedSecret, seal};
pub use topic::{Principal, Topic, TopicError};
pub use wifi::{WIFI_CHANGE, WifiError, WifiNetwork};

/// Largest payload of one MQTT message, in bytes (64 KiB).
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Most entries that reports make in one device's state.
pub const MAX_STATE_ENTRIES: usize = 256;
/// Most bytes of a state's JSON object that reports make.
pub const MAX_STATE_BYTES: usize = 48 * 1024;
/// Longest text in a report, in bytes of UTF-8 (4 KiB).
pub const MAX_TEXT_BYTES: usize = 4 * 1024;
/// Most reports in one `batch` message.
pub const MAX_BATCH_REPORTS: usize = 500;
/// Messages that a device may keep unacknowledged.
pub const MAX_UNACKNOWLEDGED: usize = 512;
/// Sequences below the highest one that are still told apart as seen or new.
pub const SEQUENCE_WINDOW: u64 = 1_024;
/// A report older than this, in milliseconds, is *late data*; one further ahead is refused.
pub const LATE_AFTER_MS: i64 = 5 * 60 * 1_000;
/// First integer that is not exact in JSON everywhere: 2^53.
pub const MAX_SAFE_INTEGER: u64 = 1 << 53;
