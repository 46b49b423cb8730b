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
        Trouble::Clock { ahead_ms, .. } => clock(locale, ahead_ms),
    }
}

/// `clock 4 h fast`, to the nearest unit. What nobody sees on a clock is said in milliseconds: `-120 ms`.
pub(crate) fn clock(locale: Locale, ahead_ms: i64) -> String {
    let off_ms = ahead_ms.unsigned_abs();
    let unit_ms = match off_ms {
        0..1_000 => return format!("{ahead_ms} ms"),
        1_000..120_000 => 1_000,
        120_000..7_200_000 => 60_000,
        7_200_000..172_800_000 => 3_600_000,
        _ => 86_400_000,
    };
    let nearest_ms = (off_ms + unit_ms / 2) / unit_ms * unit_ms;
    let length = length(locale, nearest_ms / 1_000);
    match ahead_ms > 0 {
        true => td_string!(locale, finding.clock_fast, length = length).to_string(),
        false => td_string!(locale, finding.clock_slow, length = length).to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_by_the_nearest_length() {
        let english = |ms| clock(Locale::en, ms);
        assert_eq!(english(14_399_993), "clock 4 h fast");
        assert_eq!(english(-14_400_007), "clock 4 h slow");
        assert_eq!(english(7_199_999), "clock 2 h fast");
        assert_eq!(english(119_600), "clock 2 min fast");
        assert_eq!(english(-1_499), "clock 1 s slow");
        assert_eq!(english(172_799_999), "clock 2 d fast");
        assert_eq!(english(999), "999 ms");
        assert_eq!(english(-120), "-120 ms");
        assert_eq!(clock(Locale::ko, 14_399_993), "시계가 4시간 빠름");
    }
}
