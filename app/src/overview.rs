//! The site at a glance.

pub mod overview_page;
