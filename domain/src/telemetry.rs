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
