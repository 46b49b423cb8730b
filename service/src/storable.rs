//! What both engines can keep: PostgreSQL has no U+0000 in its texts and its JSON.
//!
//! Invariant: no object from outside reaches a table but through here. What a device says is kept with U+FFFD instead,
//! because it cannot be asked to say it again; what a person or a program asks for is refused, a single text by the
//! database itself ([`crate::internal`]).

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An object as it can be stored, with U+FFFD for each U+0000 in its texts and names.
pub fn storable(object: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    match object.iter().any(|(name, value)| has_nul(name, value)) {
        true => Cow::Owned(members(object)),
        false => Cow::Borrowed(object),
    }
}

/// Whether an object can be stored as it is.
pub fn is_storable(object: &Map<String, Value>) -> bool {
    matches!(storable(object), Cow::Borrowed(_))
}

fn has_nul(name: &str, value: &Value) -> bool {
    name.contains('\0')
        || match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(|item| has_nul("", item)),
            Value::Object(object) => object.iter().any(|(name, value)| has_nul(name, value)),
            _ => false,
        }
}

fn members(object: &Map<String, Value>) -> Map<String, Value> {
    let members = object.iter();
    members
        .map(|(name, value)| (text(name), without_nul(value)))
        .collect()
}

fn without_nul(value: &Value) -> Value {
    match value {
        Value::String(said) => Value::String(text(said)),
        Value::Array(items) => items.iter().map(without_nul).collect(),
        Value::Object(object) => Value::Object(members(object)),
        other => other.clone(),
    }
}

fn text(said: &str) -> String {
    said.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_u_0000_nowhere_is_left_as_it_is_and_what_has_it_anywhere_is_kept_without() {
        let fine = json!({ "a": ["\u{fffd}", { "b": "\\u0000" }], "c": 1.5, "d": null });
        let fine = fine.as_object().unwrap();
        assert!(is_storable(fine));
        assert!(matches!(storable(fine), Cow::Borrowed(same) if same == fine));
        for said in [
            json!({ "a": "x\0y" }),
            json!({ "a": [1, { "b": ["\0"] }] }),
            json!({ "a": { "b\0": true } }),
        ] {
            let said = said.as_object().unwrap();
            assert!(!is_storable(said));
            let kept = storable(said).into_owned();
            assert!(is_storable(&kept));
            let same = Value::Object(said.clone()).to_string();
            let same = same.replace("\\u0000", "\u{fffd}");
            assert_eq!(Value::Object(kept).to_string(), same);
        }
    }
}
