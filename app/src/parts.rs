//! The visual components that every feature shares.

pub mod problem;
