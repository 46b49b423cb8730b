//! What is wrong with a device's connection, clock or identity, in words.

use domain::{event::DeviceEvent, finding::Trouble};
use leptos_i18n::td_string;

use crate::i18n::Locale;

/// `clock 4 h fast`, `flapping: 14 connections in 10 min`.
pub(crate) fn words(locale: Locale, trouble: &Trouble) -> String {
    match *trouble {
        Trouble::Flapping { connections, .. } => {
            td_string!(locale, finding.flapping, n = connections).to_string()
        }
        Trouble::Identity { .. } => td_string!(locale, finding.in_doubt).to_owned(),
        Trouble::Clock { ahead_ms, .. } => {
            let length = length(locale, ahead_ms.unsigned_abs() / 1_000);
            match ahead_ms > 0 {
                true => td_string!(locale, finding.clock_fast, length = length).to_string(),
                false => td_string!(locale, finding.clock_slow, length = length).to_string(),
            }
        }
    }
}

/// A length of time in its largest unit.
pub(crate) fn length(locale: Locale, seconds: u64) -> String {
    match seconds {
        0..120 => td_string!(locale, finding.seconds, n = seconds).to_string(),
        120..7_200 => td_string!(locale, finding.minutes, n = seconds / 60).to_string(),
        7_200..172_800 => td_string!(locale, finding.hours, n = seconds / 3_600).to_string(),
        _ => td_string!(locale, finding.days, n = seconds / 86_400).to_string(),
    }
}

/// What an event says of the trouble that began with it.
pub(crate) fn of_event(locale: Locale, event: &DeviceEvent) -> String {
    let number = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_i64);
    let trouble = match (number("connections"), number("ahead_ms")) {
        (Some(connections), _) => Trouble::Flapping {
            connections: u32::try_from(connections).unwrap_or(0),
            since: event.at,
        },
        (None, Some(ahead_ms)) => Trouble::Clock {
            ahead_ms,
            since: event.at,
        },
        (None, None) => return String::new(),
    };
    words(locale, &trouble)
}
