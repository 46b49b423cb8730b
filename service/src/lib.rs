//! Every use case of Madang, by feature; the only place that writes tables.
//!
//! Each function takes [`Services`] and the [`Actor`] (or a proof that the actor may) and returns a
//! type of `domain` or an [`AppError`]. No HTTP, no HTML, no globals: tests run in parallel.

pub mod accounts;
mod apart;
pub mod audit;
pub mod catalog;
pub mod certificates;
pub mod clock;
pub mod commands;
pub mod components;
pub mod database;
pub mod devices;
pub mod downlink;
pub mod error;
pub mod events;
pub mod forced;
pub mod health;
pub mod identity;
pub mod jobs;
pub mod link;
pub mod live;
mod names;
pub mod notices;
pub mod pki;
pub mod presence;
pub mod records;
pub mod services;
pub mod state_cache;
pub mod storable;
pub mod telemetry;
pub mod traffic;
pub mod twin;
pub mod vault;

pub use accounts::actor::{Actor, Admin, Debugger, OwnerOf, PrimeAdmin, ViewerOf};
pub use apart::joined;
pub use clock::{Clock, SystemClock};
pub use database::Database;
pub use domain::AppError;
pub use error::internal;
pub use services::{Services, SiteSettings};
