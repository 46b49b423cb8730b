//! The composition root: configuration, router, REST, live updates, embedded broker, supervision.

pub mod broker;
pub mod demo;
