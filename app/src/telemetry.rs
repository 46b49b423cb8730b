//! Telemetry: history as charts.

mod axis;
mod chart;
mod choice;
mod cursor;
pub mod history;
mod paper;
mod span;
mod steps;
