//! The catalog: component types, hardware and pin rules, for administrators.

pub mod catalog_page;
mod content;
pub(crate) mod fields;
mod forms;
mod query;
mod rows;
pub mod server_fns;
#[cfg(feature = "ssr")]
pub(crate) mod wired;
pub(crate) mod words;
