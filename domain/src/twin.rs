//! A device's twin: what each component reported, beside what is desired of it.

use std::collections::BTreeMap;

use protocol::{CommandId, ComponentKey, Scalar, TimestampMs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::device::StateMap;

/// What is desired of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Desired {
    /// The component.
    pub component: ComponentKey,
    /// The arguments of the `set` that brings it about, such as `{"status": "ON"}`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub wanted: Map<String, Value>,
    /// Whether the device last reported something else.
    pub differs: bool,
    /// When it was set.
    pub set_at: TimestampMs,
    /// The name of the person who set it.
    pub set_by: String,
    /// The command that was last to bring it about.
    pub command: Option<CommandId>,
    /// How often the server itself has tried since the device came or the wish changed.
    pub attempts: u32,
    /// Whether it tries no more until the device comes again or the wish changes.
    pub given_up: bool,
}

/// One component of a twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TwinComponent {
    /// Its key on the device.
    pub component: ComponentKey,
    /// What it last reported: `status`, and its readings by name.
    pub reported: BTreeMap<String, Scalar>,
    /// When that was measured.
    pub reported_at: Option<TimestampMs>,
    /// What is desired of it, where anything is.
    pub desired: Option<Desired>,
}

/// What a component must report for a wish to be fulfilled: the key in the flat state and the value.
pub fn expected<'a>(
    component: &'a ComponentKey,
    wanted: &'a Map<String, Value>,
) -> impl Iterator<Item = (String, &'a Value)> {
    wanted.iter().map(move |(name, value)| {
        let key = match name.as_str() {
            "status" => component.to_string(),
            name => format!("{component}_{name}"),
        };
        (key, value)
    })
}

/// Whether the reported state contradicts a wish. `None` where the device has reported none of what it
/// would show in.
pub fn differs(
    component: &ComponentKey,
    wanted: &Map<String, Value>,
    reported: &StateMap,
) -> Option<bool> {
    let mut known = false;
    for (key, value) in expected(component, wanted) {
        if let Some(scalar) = reported.get(&key) {
            known = true;
            if !same(scalar, value) {
                return Some(true);
            }
        }
    }
    known.then_some(false)
}

fn same(reported: &Scalar, wanted: &Value) -> bool {
    match (reported, wanted) {
        (Scalar::Text(text), Value::String(wanted)) => text == wanted,
        (Scalar::Bool(reported), Value::Bool(wanted)) => reported == wanted,
        (Scalar::Number(number), Value::Number(wanted)) => wanted
            .as_f64()
            .is_some_and(|wanted| (number - wanted).abs() <= f64::EPSILON * wanted.abs()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_wish_is_compared_with_what_the_component_reports() {
        let fan: ComponentKey = "fan".parse().expect("a key");
        let state = StateMap::from([
            ("fan".to_owned(), Scalar::Text("ON".to_owned())),
            ("fan_speed".to_owned(), Scalar::Number(40.0)),
            ("fan-2".to_owned(), Scalar::Text("OFF".to_owned())),
        ]);
        let of = |wanted: Value| differs(&fan, &wish(&wanted), &state);
        assert_eq!(of(json!({"status": "ON"})), Some(false));
        assert_eq!(of(json!({"status": "OFF"})), Some(true));
        assert_eq!(of(json!({"status": "ON", "speed": 40})), Some(false));
        assert_eq!(of(json!({"status": "ON", "speed": 41})), Some(true));
        assert_eq!(of(json!({"speed": 40})), Some(false), "a level alone");
        assert_eq!(of(json!({"tilt": 3})), None, "never reported");
        assert_eq!(of(json!({"status": true})), Some(true), "another type");
    }
}
