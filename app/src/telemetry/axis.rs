//! Marks on the axes: round values, and round times in the reader's own zone and language.
//!
//! The server does not know the reader's zone: it draws UTC and says so, and the browser redraws.

use leptos_i18n::td_string;
use time::{OffsetDateTime, UtcOffset};

use crate::i18n::Locale;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// What may lie between two marks of time, in milliseconds.
const STEPS: [i64; 19] = [
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];
const MOST_TIMES: i64 = 7;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// In which zone times are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// The server's answer to not knowing.
    Utc,
    /// The browser's own.
    #[cfg(feature = "hydrate")]
    Own,
    /// Always this far ahead of UTC, in milliseconds.
    #[cfg(test)]
    Ahead(i64),
}

impl Zone {
    /// How far the zone is ahead of UTC at a moment, in milliseconds.
    fn ahead(self, at: i64) -> i64 {
        // Only the browser's zone changes with the time of the year.
        let _ = at;
        match self {
            Self::Utc => 0,
            #[cfg(feature = "hydrate")]
            Self::Own => {
                #[allow(clippy::cast_precision_loss)]
                let date = js_sys::Date::new(&(at as f64).into());
                #[allow(clippy::cast_possible_truncation)]
                let behind_min = date.get_timezone_offset() as i64;
                -behind_min * MINUTE
            }
            #[cfg(test)]
            Self::Ahead(ahead) => ahead,
        }
    }

    fn date(self, at: i64) -> OffsetDateTime {
        let ahead_s = i32::try_from(self.ahead(at) / SECOND).unwrap_or(0);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(UtcOffset::from_whole_seconds(ahead_s).unwrap_or(UtcOffset::UTC))
    }
}

/// The day, in a person's words.
fn day(locale: Locale, date: OffsetDateTime) -> String {
    let month = match locale {
        Locale::ko => u8::from(date.month()).to_string(),
        Locale::en => MONTHS[usize::from(u8::from(date.month())) - 1].to_owned(),
    };
    td_string!(locale, telemetry.date, month = month, day = date.day()).to_string()
}

/// A moment as exact as its step needs it: the day where nothing else changes, seconds where they do.
pub(super) fn moment(locale: Locale, zone: Zone, at: i64, step: i64) -> String {
    let date = zone.date(at);
    let day = day(locale, date);
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    match step {
        DAY.. => day,
        MINUTE.. => format!("{day} {hour:02}:{minute:02}"),
        _ => format!("{day} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// Round times between two moments and what to write there; midnight is a day.
pub(super) fn times(locale: Locale, zone: Zone, from: i64, to: i64) -> Vec<(i64, String)> {
    let step = STEPS
        .into_iter()
        .find(|step| (to - from) / step < MOST_TIMES)
        .unwrap_or_else(|| (to - from) / DAY / MOST_TIMES * DAY + DAY);
    let ahead = zone.ahead(from);
    let mut local = (from + ahead).div_euclid(step) * step + step;
    let mut marks = Vec::new();
    while local - ahead <= to {
        // The clocks may have been changed since the beginning.
        let at = local - zone.ahead(local - ahead);
        let date = zone.date(at);
        let text = match (step, date.hour(), date.minute(), date.second()) {
            (DAY.., ..) | (_, 0, 0, 0) => day(locale, date),
            (MINUTE.., hour, minute, _) => format!("{hour:02}:{minute:02}"),
            (_, hour, minute, second) => format!("{hour:02}:{minute:02}:{second:02}"),
        };
        if (from..=to).contains(&at) {
            marks.push((at, text));
        }
        local += step;
    }
    marks
}

/// In what unit the values of a chart are written, so that they stay short.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    factor: f64,
    /// What stands behind a value; may be empty.
    pub(super) unit: String,
    step: f64,
    digits: usize,
}

impl Measure {
    /// For values between `low` and `high` in `unit`.
    pub(super) fn of(low: f64, high: f64, unit: &str) -> Self {
        let most = low.abs().max(high.abs());
        let (factor, unit) = match unit {
            "B" | "B/s" => {
                let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
                let (factor, prefix) = steps
                    .into_iter()
                    .find(|(factor, _)| most >= *factor)
                    .unwrap_or((1.0, ""));
                (factor, format!("{prefix}{unit}"))
            }
            "s" if most >= 172_800.0 => (86_400.0, "d".to_owned()),
            "s" if most >= 7_200.0 => (3_600.0, "h".to_owned()),
            "s" if most >= 120.0 => (60.0, "min".to_owned()),
            unit => (1.0, unit.to_owned()),
        };
        let span = ((high - low) / factor).max(f64::MIN_POSITIVE);
        let rough = span / 4.0;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|nice| nice * magnitude)
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * magnitude);
        let fits = |digits: &usize| {
            let shifted = step * 10_f64.powi(i32::try_from(*digits).unwrap_or(0));
            (shifted - shifted.round()).abs() < 1e-6 * shifted
        };
        let digits = (0..6).find(fits).unwrap_or(6);
        Self {
            factor,
            unit,
            step: step * factor,
            digits,
        }
    }

    /// Round values between `low` and `high` and what to write there.
    pub(super) fn values(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        let first = (low / self.step).ceil();
        (0..8)
            .map(|at| (first + f64::from(at)) * self.step)
            .take_while(|value| *value <= high)
            .map(|value| (value, self.plain(value, self.digits)))
            .collect()
    }

    /// A value with its unit, one digit finer than the axis.
    pub(super) fn exact(&self, value: f64) -> String {
        let text = self.plain(value, (self.digits + 1).min(3));
        match self.unit.as_str() {
            "" => text,
            unit => format!("{text} {unit}"),
        }
    }

    fn plain(&self, value: f64, digits: usize) -> String {
        let text = format!("{:.digits$}", value / self.factor);
        // A rounded −0.02 is no negative number.
        match text.trim_start_matches('-').trim_matches(['0', '.']) {
            "" => text.trim_start_matches('-').to_owned(),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 00:00 UTC
    const MIDNIGHT: i64 = 1_795_219_200_000;

    fn texts(marks: Vec<(i64, String)>) -> Vec<String> {
        marks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn an_hour_has_a_mark_every_ten_minutes_and_midnight_is_a_day() {
        let marks = times(
            Locale::en,
            Zone::Utc,
            MIDNIGHT - 25 * MINUTE,
            MIDNIGHT + 35 * MINUTE,
        );
        assert_eq!(
            texts(marks),
            ["23:40", "23:50", "Nov 21", "00:10", "00:20", "00:30"]
        );
    }

    #[test]
    fn times_are_round_in_the_readers_zone() {
        // India is five and a half hours ahead.
        let zone = Zone::Ahead(5 * HOUR + 30 * MINUTE);
        let marks = times(Locale::ko, zone, MIDNIGHT, MIDNIGHT + DAY);
        assert_eq!(marks[0].0 - MIDNIGHT, 30 * MINUTE);
        let words = texts(marks);
        assert!(words.contains(&"11월 22일".to_owned()), "{words:?}");
        assert_eq!(words[0], "06:00");
    }

    #[test]
    fn ninety_days_are_marked_by_days() {
        let marks = times(Locale::en, Zone::Utc, MIDNIGHT - 90 * DAY, MIDNIGHT);
        assert!((5..=8).contains(&marks.len()), "{marks:?}");
        assert!(marks.iter().all(|(at, _)| at % DAY == 0));
    }

    #[test]
    fn values_are_round_and_short() {
        let measure = Measure::of(0.0, 100.0, "%");
        let texts = |measure: &Measure, low, high| -> Vec<String> {
            let values = measure.values(low, high);
            values.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(&measure, 0.0, 100.0), ["0", "25", "50", "75", "100"]);
        assert_eq!(measure.exact(41.26), "41.3 %");

        let bytes = Measure::of(2.1e9, 7.9e9, "B");
        assert_eq!(texts(&bytes, 2.1e9, 7.9e9), ["4", "6"]);
        assert_eq!(bytes.exact(6_250_000_000.0), "6.2 GB");

        let fine = Measure::of(24.96, 25.04, "°C");
        assert_eq!(texts(&fine, 24.96, 25.04).first().expect("one"), "24.96");
        assert_eq!(Measure::of(-1.0, 1.0, "").exact(-0.001), "0.00");
    }
}
