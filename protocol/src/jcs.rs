//! RFC 8785, the JSON Canonicalization Scheme: the bytes that a signature covers.
//!
//! Written here because every report is written this way once more to be verified, and the library that
//! the tests hold it against takes four times as long: it writes each member apart to sort them.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// Integers up to here are doubles without loss.
const EXACT: u64 = 1 << 53;

/// The canonical form of an object.
pub(crate) fn to_vec(object: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_object(object, &mut out);
    out
}

fn write_object(object: &Map<String, Value>, out: &mut Vec<u8>) {
    // A map is in the order of UTF-8; that of UTF-16 differs only beyond the Basic Multilingual Plane.
    if object.keys().is_sorted_by(|a, b| order(a, b).is_lt()) {
        write_members(object.iter(), out);
    } else {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        write_members(members.into_iter(), out);
    }
}

fn write_members<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (key, value)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// The order of UTF-16 code units.
fn order(a: &str, b: &str) -> Ordering {
    match a.is_ascii() && b.is_ascii() {
        true => a.cmp(b),
        false => a.encode_utf16().cmp(b.encode_utf16()),
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

/// As ECMAScript writes a double.
fn write_number(number: &Number, out: &mut Vec<u8>) {
    let integer = number.as_i64();
    if let Some(integer) = integer.filter(|integer| integer.unsigned_abs() <= EXACT) {
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else if let Some(double) = number.as_f64() {
        out.extend_from_slice(ryu_js::Buffer::new().format(double).as_bytes());
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    // JSON's shortest escapes, in lower case, are those of the scheme.
    serde_json::to_writer(out, text).expect("a text is written into memory");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1_000_000_i64..1_000_000).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            ".{0,12}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(
            members in prop::collection::hash_map("[a-z]{0,3}|.{0,3}", value(), 0..8)
        ) {
            let object: Map<String, Value> = members.into_iter().collect();
            let theirs = serde_json_canonicalizer::to_vec(&object).unwrap();
            prop_assert_eq!(
                String::from_utf8(to_vec(&object)).unwrap(),
                String::from_utf8(theirs).unwrap()
            );
        }
    }
}
