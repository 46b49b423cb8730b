//! The site at a glance.

mod latest;
pub mod overview_page;
mod running;
