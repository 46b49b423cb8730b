//! Placeholder.
pub mod demo;
