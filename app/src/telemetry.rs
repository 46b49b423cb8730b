//! Telemetry: history as charts.

mod axis;
mod chart;
mod cursor;
pub mod history;
mod paper;
mod span;
