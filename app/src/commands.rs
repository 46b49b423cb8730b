//! Commands, as a person follows them.

pub mod history;
pub(crate) mod until;
pub(crate) mod words;
