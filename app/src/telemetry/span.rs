//! Which part of the history is shown, and the address that says so.
//!
//! Without a beginning and an end it is the time until now and goes on with it; with them it stands still.

use domain::DeviceId;
use leptos_router::params::ParamsMap;

use crate::address::kept;

/// What a range is called in the address, and how long it is in milliseconds.
pub(super) const RANGES: [(&str, i64); 6] = [
    ("1h", HOUR_MS),
    ("6h", 6 * HOUR_MS),
    ("24h", 24 * HOUR_MS),
    ("7d", 7 * 24 * HOUR_MS),
    ("30d", 30 * 24 * HOUR_MS),
    ("90d", 90 * 24 * HOUR_MS),
];
const HOUR_MS: i64 = 3_600_000;
/// Nothing shorter is worth a chart.
const SHORTEST_MS: i64 = 60_000;
/// Nothing longer is kept.
const LONGEST_MS: i64 = 10 * 366 * 24 * HOUR_MS;

/// What says in an address which value is drawn, and which part of its history.
pub(super) const OWN: [&str; 4] = ["value", "range", "from", "to"];

/// A part of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// One of [`RANGES`].
    pub(super) range: usize,
    /// From and to, where it stands still; in milliseconds since the epoch.
    pub(super) fixed: Option<(i64, i64)>,
}

impl Span {
    /// As the address says; what it does not say well, it does not say.
    pub(super) fn read(range: Option<&str>, from: Option<&str>, to: Option<&str>) -> Self {
        let range = RANGES
            .iter()
            .position(|(name, _)| Some(*name) == range)
            .unwrap_or(0);
        let moment = |text: Option<&str>| text?.parse::<i64>().ok().filter(|at| *at >= 0);
        let fixed = moment(from)
            .zip(moment(to))
            .filter(|(from, to)| (SHORTEST_MS..=LONGEST_MS).contains(&to.saturating_sub(*from)));
        Self { range, fixed }
    }

    /// From and to.
    pub(super) fn at(&self, now: i64) -> (i64, i64) {
        self.fixed.unwrap_or((now - RANGES[self.range].1, now))
    }

    /// A range up to now.
    pub(super) fn live(range: usize) -> Self {
        Self { range, fixed: None }
    }

    /// Standing still between two moments, not shorter than a minute and not later than `now`.
    pub(super) fn between(self, from: i64, to: i64, now: i64) -> Self {
        let long = (to - from).clamp(SHORTEST_MS, LONGEST_MS);
        let middle = from + (to - from) / 2;
        let to = (middle + long / 2).min(now);
        Self {
            fixed: Some(((to - long).max(0), to)),
            ..self
        }
    }

    /// The moment in its middle.
    pub(super) fn middle(&self, now: i64) -> i64 {
        let (from, to) = self.at(now);
        from + (to - from) / 2
    }

    /// Half or twice as long around a moment.
    pub(super) fn zoomed(self, into: bool, around: i64, now: i64) -> Self {
        let (from, to) = self.at(now);
        let (before, after) = (around - from, to - around);
        match into {
            true => self.between(around - before / 2, around + after / 2, now),
            false => self.between(around - before * 2, around + after * 2, now),
        }
    }

    /// Half its length earlier or later.
    pub(super) fn moved(self, later: bool, now: i64) -> Self {
        let (from, to) = self.at(now);
        let by = if later {
            (to - from) / 2
        } else {
            (from - to) / 2
        };
        self.between(from + by, to + by, now)
    }

    /// Its address, with what the present one says beside it.
    pub(super) fn href(&self, id: DeviceId, value: &str, present: &ParamsMap) -> String {
        let rest = kept(present, &OWN);
        format!("/devices/{id}?value={value}&{}{rest}#history", self.query())
    }

    /// What an address says of it.
    pub(super) fn query(&self) -> String {
        let (range, _) = RANGES[self.range];
        match self.fixed {
            Some((from, to)) => format!("range={range}&from={from}&to={to}"),
            None => format!("range={range}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_219_200_000;

    #[test]
    fn an_address_is_read_back() {
        let span = Span::read(Some("7d"), None, None).between(NOW - HOUR_MS, NOW, NOW);
        let id = DeviceId::random();
        let present = [("days", "90"), ("range", "1h"), ("value", "led.on")];
        let href = span.href(id, "cpu.average", &present.into_iter().collect());
        assert_eq!(
            href,
            format!(
                "/devices/{id}?value=cpu.average&range=7d&from={}&to={NOW}&days=90#history",
                NOW - HOUR_MS
            )
        );
        let from = (NOW - HOUR_MS).to_string();
        let again = Span::read(Some("7d"), Some(&from), Some(&NOW.to_string()));
        assert_eq!(again, span);
    }

    #[test]
    fn a_bad_address_shows_the_last_hour() {
        for (from, to) in [("x", "5"), ("5", "4"), ("-9", "900000"), ("0", "10")] {
            let span = Span::read(Some("1y"), Some(from), Some(to));
            assert_eq!(span.at(NOW), (NOW - HOUR_MS, NOW), "{from} {to}");
        }
        assert_eq!(
            Span::read(None, Some("0"), Some("9223372036854775807")).fixed,
            None
        );
    }

    #[test]
    fn zooming_in_and_out_keeps_what_is_looked_at() {
        let span = Span::read(Some("1h"), None, None);
        let middle = NOW - HOUR_MS / 2;
        let closer = span.zoomed(true, middle, NOW);
        assert_eq!(
            closer.fixed,
            Some((NOW - 3 * HOUR_MS / 4, NOW - HOUR_MS / 4))
        );
        let (from, to) = closer.zoomed(false, middle, NOW).at(NOW);
        assert_eq!((from, to), (NOW - HOUR_MS, NOW));
        let mut least = span;
        for _ in 0..20 {
            least = least.zoomed(true, middle, NOW);
        }
        let (from, to) = least.at(NOW);
        assert_eq!(to - from, SHORTEST_MS);
        assert!((from..=to).contains(&middle));
    }

    #[test]
    fn nothing_is_looked_at_beyond_now() {
        let span = Span::read(Some("1h"), None, None);
        assert_eq!(span.moved(true, NOW).at(NOW), (NOW - HOUR_MS, NOW));
        assert_eq!(
            span.moved(false, NOW).at(NOW),
            (NOW - 3 * HOUR_MS / 2, NOW - HOUR_MS / 2)
        );
    }
}
