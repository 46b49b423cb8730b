//! The composition root: configuration, router, REST, live updates, embedded broker, supervision.

#![recursion_limit = "512"]

pub mod broker;
pub mod certificate;
pub mod commands;
pub mod config;
pub mod demo;
mod http;
pub mod huge_pages;
pub mod live_hub;
mod metrics;
mod offline;
mod rest;
pub mod run;
mod state;

pub use app::session::SESSION_COOKIE;
pub use config::Config;
pub use run::{Running, StartError, forget_secrets, run, run_by};
