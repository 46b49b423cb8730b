//! What is switched on and off: the words of a command and of a state.

use serde_json::{Map, Value, json};

use super::{ActError, Job, Reading};

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

/// What a command asks of something that is dimmed: `ON`, `OFF` or a `level` in percent; done in one step.
pub(super) fn begin_dimmed(arguments: &Map<String, Value>) -> Result<Job, ActError> {
    let Some(level) = arguments.get("level") else {
        return begin(arguments);
    };
    match (
        level.as_u64(),
        arguments.get("status").and_then(Value::as_str),
    ) {
        (Some(level @ 0..=100), None | Some("ON" | "OFF")) => Ok(Job {
            steps: Vec::new(),
            wanted: level.to_string(),
        }),
        _ => Err(ActError::Rejected(
            "unsupported_value: `level` is a whole number from 0 to 100".to_owned(),
        )),
    }
}

/// The level in percent that a command has asked for.
pub(super) fn level_wanted(job: &Job) -> u8 {
    match job.wanted.as_str() {
        "ON" => 100,
        "OFF" => 0,
        level => level.parse().unwrap_or(0),
    }
}

/// What is reported of something that is dimmed.
pub(super) fn dimmed(level: u8) -> Reading {
    Reading {
        status: Some(word(level > 0).to_owned()),
        ..Reading::numbers([("level", f64::from(level))])
    }
}

/// What a command to something that is dimmed is answered.
pub(super) fn done_dimmed(level: u8) -> Value {
    json!({ "state": word(level > 0), "level": level })
}

/// Whether a component is to be on when it starts.
pub(super) fn starts_on(default_state: Option<&str>) -> bool {
    matches!(default_state, Some("ON" | "HIGH"))
}
