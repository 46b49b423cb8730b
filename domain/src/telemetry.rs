//! History: series that fit a chart.

use protocol::{ComponentKey, DeviceId, TimestampMs};
use serde::{Deserialize, Serialize};

/// The first moment that no device measures at: the end of the year 9999.
const END_OF_TIME_MS: i64 = 253_402_300_800_000;
const HOUR_MS: i64 = 3_600_000;

/// A time to read the history of: from the one moment, inclusive, to the other. Both are such that their
/// difference, and either with a bucket's length, is a number of milliseconds; the end is not before the
/// beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Ends")]
pub struct Period {
    from: TimestampMs,
    to: TimestampMs,
}

/// A [`Period`] as it comes.
#[derive(Deserialize)]
struct Ends {
    from: TimestampMs,
    to: TimestampMs,
}

impl From<Ends> for Period {
    fn from(ends: Ends) -> Self {
        Self::new(ends.from, ends.to)
    }
}

impl Period {
    /// The part between these ends in which something can have been measured: none where the end is before
    /// the beginning.
    pub fn new(from: TimestampMs, to: TimestampMs) -> Self {
        let possible = |at: TimestampMs| TimestampMs(at.0.clamp(0, END_OF_TIME_MS));
        let from = possible(from);
        Self {
            from,
            to: possible(to).max(from),
        }
    }

    /// Until now, and for an hour, where nothing else is asked for; nothing is measured later than tomorrow.
    pub fn asked(from: Option<i64>, to: Option<i64>, now: TimestampMs) -> Self {
        let to = to.map_or(now, TimestampMs).min(now.plus_ms(24 * HOUR_MS));
        let from = from.map_or_else(|| to.plus_ms(-HOUR_MS), TimestampMs);
        Self::new(from, to)
    }

    /// From, inclusive.
    pub fn from(self) -> TimestampMs {
        self.from
    }

    /// To, exclusive.
    pub fn to(self) -> TimestampMs {
        self.to
    }
}

/// Which history to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// The component.
    pub component: ComponentKey,
    /// Only this value of it; `None` means all of its numbers.
    pub value: Option<String>,
    /// Of when.
    pub period: Period,
    /// At most this many points a series: as many as the chart has pixels.
    pub max_points: u32,
}

/// Which reports to read, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportQuery {
    /// The component.
    pub component: ComponentKey,
    /// Of when.
    pub period: Period,
    /// Only those after this one: [`ReportPage::next`] of the page before.
    pub after: Option<(TimestampMs, i64)>,
    /// At most this many.
    pub limit: u32,
}

/// A page of reports.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPage {
    /// In the order in which they were measured.
    pub items: Vec<Report>,
    /// The last of them, where there are more: when it was measured, and under which number it is stored.
    pub next: Option<(TimestampMs, i64)>,
}

/// One report of one component, as it was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// When it was measured.
    pub at: TimestampMs,
    /// When it was received.
    pub received_at: TimestampMs,
    /// Its place in the device's order.
    pub sequence: i64,
    /// Whether it came late.
    pub late: bool,
    /// An actuator's state.
    pub status: Option<String>,
    /// Its readings by name.
    pub values: serde_json::Value,
}

/// One value over time, downsampled so that its extremes stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Series {
    /// The component.
    pub component: ComponentKey,
    /// The value's name in reports.
    pub value: String,
    /// How long one point stands for, in milliseconds; 0 where every report is a point.
    pub bucket_ms: i64,
    /// In time order.
    pub points: Vec<Point>,
}

/// One bucket of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Point {
    /// The bucket's beginning.
    pub at: TimestampMs,
    /// Its smallest reading.
    pub min: f64,
    /// Its largest reading.
    pub max: f64,
    /// The mean of its readings.
    pub mean: f64,
    /// How many readings it holds.
    pub count: u32,
    /// Whether any of them came late.
    pub late: bool,
}

/// One value of one device; in addresses `{device}.{component}.{value}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeriesName {
    /// The device.
    pub device: DeviceId,
    /// The component.
    pub component: ComponentKey,
    /// The value's name in reports.
    pub value: String,
}

/// It names no value of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no `device.component.value`")]
pub struct NoSeries;

impl std::str::FromStr for SeriesName {
    type Err = NoSeries;

    fn from_str(text: &str) -> Result<Self, NoSeries> {
        let (device, value) = text.split_once('.').ok_or(NoSeries)?;
        let (component, value) = split_value(value)?;
        Ok(Self {
            device: device.parse().map_err(|_| NoSeries)?,
            component,
            value,
        })
    }
}

/// Reads `component.value`, such as `cpu.average`.
pub fn split_value(text: &str) -> Result<(ComponentKey, String), NoSeries> {
    let (component, value) = text.split_once('.').ok_or(NoSeries)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=32).contains(&value.len()) || !value.bytes().all(plain) {
        return Err(NoSeries);
    }
    let component = component.parse().map_err(|_| NoSeries)?;
    Ok((component, value.to_owned()))
}

impl std::fmt::Display for SeriesName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.device, self.component, self.value)
    }
}

impl TryFrom<String> for SeriesName {
    type Error = NoSeries;

    fn try_from(text: String) -> Result<Self, NoSeries> {
        text.parse()
    }
}

impl From<SeriesName> for String {
    fn from(name: SeriesName) -> Self {
        name.to_string()
    }
}

/// Which values to see on one paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonQuery {
    /// These.
    pub series: Vec<SeriesName>,
    /// And [`ComparisonQuery::value`] of every device that this filter finds.
    pub search: String,
    /// A component and its value.
    pub value: Option<(ComponentKey, String)>,
    /// Of when.
    pub period: Period,
    /// At most this many points a line.
    pub max_points: u32,
}

/// Values of several devices over the same time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// The lines, in the order in which they were asked for.
    pub lines: Vec<Line>,
    /// How many were named that this person may not see, or that are gone.
    pub missing: u32,
    /// How many were found beyond the most that can be told apart.
    pub left_out: u32,
}

/// One line of a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Line {
    /// Of what: `{device}.{component}.{value}`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub name: SeriesName,
    /// What this person calls the device.
    pub device_name: String,
    /// What to call the value, in Korean.
    pub label_ko: String,
    /// What to call the value, in English.
    pub label_en: String,
    /// `%`, `°C`, …; empty where there is none.
    pub unit: String,
    /// How long one point stands for, in milliseconds; 0 where every report is a point.
    pub bucket_ms: i64,
    /// In time order; extremes stay.
    pub points: Vec<Point>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_number_of_milliseconds_whatever_was_asked_for() {
        let ends = [i64::MIN, -1, 0, 1_763_000_000_000, i64::MAX];
        for (from, to) in ends.iter().flat_map(|from| ends.map(|to| (*from, to))) {
            let text = format!(r#"{{"from":{from},"to":{to}}}"#);
            let now = TimestampMs(1_763_000_000_000);
            for period in [
                Period::new(TimestampMs(from), TimestampMs(to)),
                Period::asked(Some(from), Some(to), now),
                Period::asked(None, Some(to), now),
                serde_json::from_str(&text).expect("a period"),
            ] {
                let length = period.to().0.checked_sub(period.from().0);
                assert!(length.is_some_and(|ms| ms >= 0), "{from} {to}");
                assert!(period.from().0 >= 0, "{from} {to}");
            }
        }
    }

    #[test]
    fn a_series_is_read_as_it_is_written() {
        let text = format!("{}.led-2.power_w", DeviceId::random());
        let name: SeriesName = text.parse().expect("a name");
        assert_eq!(name.component.as_str(), "led-2");
        assert_eq!(name.to_string(), text);
        for text in [
            "",
            "cpu.average",
            "x.cpu.average",
            "cpu",
            "cpu.Average",
            "cpu.",
        ] {
            assert_eq!(text.parse::<SeriesName>(), Err(NoSeries), "{text}");
        }
    }
}
