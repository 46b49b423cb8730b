//! What is switched on and off: the words of a command and of a state.

use serde_json::{Map, Value, json};

use super::{ActError, Job};

/// Something that can be `ON` or `OFF`.
pub(super) fn word(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

/// What a command asks for; done in one step.
pub(super) fn begin(arguments: &Map<String, Value>) -> Result<Job, ActError> {
    match arguments.get("status").and_then(Value::as_str) {
        Some(wanted @ ("ON" | "OFF")) => Ok(Job {
            steps: Vec::new(),
            wanted: wanted.to_owned(),
        }),
        _ => Err(ActError::Rejected(
            "unsupported_value: `status` is ON or OFF".to_owned(),
        )),
    }
}

/// What a command is answered.
pub(super) fn done(on: bool) -> Value {
    json!({ "state": word(on) })
}

/// Whether a component is to be on when it starts.
pub(super) fn starts_on(default_state: Option<&str>) -> bool {
    matches!(default_state, Some("ON" | "HIGH"))
}
