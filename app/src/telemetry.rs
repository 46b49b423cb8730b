//! Telemetry: history as charts.

mod axis;
mod chart;
mod choice;
mod compare_above;
mod compare_chart;
pub mod compare_page;
pub mod compare_server_fns;
mod cursor;
pub mod history;
mod paper;
mod span;
mod steps;
