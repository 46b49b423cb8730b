//! How much a device's state may hold: the store writes all of it with every commit, and apps are sent all of it.
//!
//! Invariant: no report makes a state larger than [`MAX_STATE_ENTRIES`] and [`MAX_STATE_BYTES`]; one that is larger
//! already may be changed, and not grow.

use std::collections::HashMap;

use protocol::{MAX_STATE_BYTES, MAX_STATE_ENTRIES, Scalar};

use super::{
    commit::{Incoming, ReportPart},
    held::{Held, HeldState},
};

/// The most bytes of a double in JSON.
const NUMBER: usize = 24;

/// At most this many bytes of the state's JSON are an entry's.
fn weight(key_bytes: usize, value: &Scalar) -> usize {
    // Two quotes, a colon and a comma.
    let around = key_bytes + 4;
    around
        + match value {
            Scalar::Bool(_) => "false".len(),
            Scalar::Number(_) => NUMBER,
            Scalar::Text(text) => 2 + text.bytes().map(escaped).sum::<usize>(),
        }
}

/// How many bytes this one of a text takes in JSON.
fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 0x08..=0x0a | 0x0c | 0x0d => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// How many bytes a state takes.
pub(super) fn of_state(state: &HeldState) -> usize {
    let weights = state.iter().map(|(key, held)| weight(key.len(), &held.0));
    weights.sum()
}

/// How many bytes an entry takes.
pub(super) fn of_entry(key: &str, value: &Scalar) -> usize {
    weight(key.len(), value)
}

/// How many entries and bytes the reports of a message take at most.
fn of_message(message: &Incoming) -> (usize, usize) {
    let (mut entries, mut bytes) = (0, 0);
    for part in &message.reports {
        let key = part.key.as_str().len();
        if let Some(status) = &part.status {
            entries += 1;
            bytes += key + 6 + status.bytes().map(escaped).sum::<usize>();
        }
        for (name, value) in &part.values {
            entries += 1;
            bytes += weight(key + 1 + name.as_str().len(), value);
        }
    }
    (entries, bytes)
}

/// The entries of a report.
fn entries(part: &ReportPart) -> impl Iterator<Item = (String, Scalar)> {
    let status = part.status.iter();
    let status = status.map(|text| (part.key.to_string(), Scalar::Text(text.clone())));
    let values = part.values.iter();
    status.chain(values.map(|(name, value)| (format!("{}_{name}", part.key), value.clone())))
}

/// Which of a message's reports, by their place in it, there is no room for in a state of so many bytes.
pub(super) fn lacking(state: &HeldState, bytes: usize, message: &Incoming) -> Vec<usize> {
    let (more, heavier) = of_message(message);
    if state.len() + more <= MAX_STATE_ENTRIES && bytes + heavier <= MAX_STATE_BYTES {
        return Vec::new();
    }
    let (mut count, mut bytes) = (state.len(), bytes);
    // What the reports before it in this message would make of these entries.
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut lacking = Vec::new();
    for (place, part) in message.reports.iter().enumerate() {
        let mut own = HashMap::new();
        let (mut count_then, mut bytes_then) = (count, bytes);
        for (key, value) in entries(part) {
            let held = state.get(&key);
            let before = taken.get(&key).copied();
            let before = before.or_else(|| held.map(|held| of_entry(&key, &held.0)));
            let newer = |held: &Held| held.1 > part.at;
            let after = match (before, held) {
                // It does not overwrite what is newer.
                (Some(before), Some(held)) if newer(held) => before,
                _ => of_entry(&key, &value),
            };
            count_then += usize::from(before.is_none());
            bytes_then = bytes_then + after - before.unwrap_or_default();
            own.insert(key, after);
        }
        let more = count_then > count && count_then > MAX_STATE_ENTRIES;
        let heavier = bytes_then > bytes && bytes_then > MAX_STATE_BYTES;
        if more || heavier {
            lacking.push(place);
        } else {
            (count, bytes) = (count_then, bytes_then);
            taken.extend(own);
        }
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_weighs_at_least_what_json_makes_of_it() {
        let all: String = (0..0x80).map(char::from).collect();
        for value in [
            Scalar::Bool(false),
            Scalar::Number(-1.797_693_134_862_315_7e-308),
            Scalar::Text(all),
            Scalar::Text("온도 \u{1f600}".to_owned()),
        ] {
            let json = serde_json::to_string(&HashMap::from([("led_x", &value)])).unwrap();
            // Braces instead of the comma.
            assert!(of_entry("led_x", &value) + 1 >= json.len(), "{json}");
        }
    }
}
