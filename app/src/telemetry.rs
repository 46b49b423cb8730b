//! Telemetry: history as charts.

pub mod chart;
pub mod history;
