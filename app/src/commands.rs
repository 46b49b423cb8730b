//! Commands, as a person follows them.

pub mod history;
