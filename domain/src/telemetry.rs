//! History: series that fit a chart.

use protocol::{ComponentKey, TimestampMs};
use serde::{Deserialize, Serialize};

/// Which history to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// The component.
    pub component: ComponentKey,
    /// Only this value of it; `None` means all of its numbers.
    pub value: Option<String>,
    /// From, inclusive.
    pub from: TimestampMs,
    /// To, exclusive.
    pub to: TimestampMs,
    /// At most this many points a series: as many as the chart has pixels.
    pub max_points: u32,
}

/// Which reports to read, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportQuery {
    /// The component.
    pub component: ComponentKey,
    /// From, inclusive.
    pub from: TimestampMs,
    /// To, exclusive.
    pub to: TimestampMs,
    /// Only those after this one: when it was measured, and its sequence.
    pub after: Option<(TimestampMs, i64)>,
    /// At most this many.
    pub limit: u32,
}

/// A page of reports.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPage {
    /// In the order in which they were measured.
    pub items: Vec<Report>,
    /// The last of them, where there are more.
    pub next: Option<(TimestampMs, i64)>,
}

/// One report of one component, as it was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
