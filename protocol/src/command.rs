//! Commands to a device and its answers.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::ids::{CommandId, ComponentKey, TimestampMs};

/// The members of a command next to the envelope's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandMessage {
    /// Which command this is; the same one twice is executed once.
    pub command_id: CommandId,
    /// The component it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_key: Option<ComponentKey>,
    /// The command's arguments; `{}` where there are none.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// After this moment the device answers `rejected` with reason `expired`.
    pub expires_at: TimestampMs,
}

/// How far a device has come with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// Understood and queued by the device.
    Accepted,
    /// Under way.
    Executing,
    /// Done.
    Completed,
    /// Tried, without success.
    Failed,
    /// Not tried: expired, unknown, not allowed.
    Rejected,
}

impl CommandStatus {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Rejected)
    }
}

/// The members of an answer on `results/{device_uuid}/{command_id}` next to the envelope's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandResult {
    /// How far the device has come.
    pub status: CommandStatus,
    /// Percent done, 0 to 100; read from any number, the nearest whole one of these.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "percent"
    )]
    pub progress: Option<u8>,
    /// Why it was rejected or failed: `expired`, `unknown_command`, or words for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// A device may count in parts of a percent, and a little beyond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is within the range of the type"
)]
fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let said = Option::<f64>::deserialize(deserializer)?;
    Ok(said.map(|percent| percent.clamp(0.0, 100.0).round() as u8))
}

/// The name of the command that brings a device to what is desired of it; its arguments are a
/// [`DesiredState`].
pub const STATE_DESIRED: &str = "state/desired";

/// The arguments of [`STATE_DESIRED`]: what each component is meant to be, as the arguments of its `set`.
///
/// A component that is so already stays as it is; one that is not named is left alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DesiredState {
    /// By component.
    pub components: std::collections::BTreeMap<ComponentKey, Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_any_number() {
        let read = |progress: &str| {
            let text = format!(r#"{{"status": "executing", "progress": {progress}}}"#);
            serde_json::from_str::<CommandResult>(&text).map(|result| result.progress)
        };
        for (said, is) in [("40", 40), ("33.3", 33), ("300", 100), ("-1", 0)] {
            assert_eq!(read(said).unwrap(), Some(is), "{said}");
        }
        assert_eq!(read("null").unwrap(), None);
        read(r#""half""#).unwrap_err();
    }
}
