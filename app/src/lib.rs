//! The interface and its server functions, compiled twice: `ssr` for the server, `hydrate` for the browser.
//!
//! Every page is complete when the server sends it and works without a script; hydration adds life.

#![recursion_limit = "256"]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a component owns its properties"
)]

#[allow(missing_docs, clippy::pedantic, clippy::all, unreachable_pub)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/i18n/mod.rs"));
}
pub use messages::i18n;

pub mod accounts;
mod address;
pub mod catalog;
pub mod commands;
pub mod components;
pub mod devices;
pub mod document;
pub mod failure;
pub mod form;
pub mod frame;
#[cfg(feature = "hydrate")]
pub mod hydrate;
pub mod identity;
pub mod jobs;
pub mod json;
pub mod live;
pub mod overview;
mod pages;
pub mod parts;
pub mod preferences;
mod reading;
#[cfg(feature = "ssr")]
pub mod request;
pub mod routes;
pub mod session;
pub mod telemetry;
pub mod traffic;
pub mod wifi;

pub use document::shell;
pub use failure::Failure;
pub use routes::App;
