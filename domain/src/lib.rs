//! The vocabulary: what a device, a component, a command or a person is, in the same words for the
//! server and the browser. No I/O; compiles to wasm.

pub mod account;
pub mod catalog;
pub mod certificate;
pub mod command;
pub mod component;
pub mod device;
pub mod error;
pub mod event;
pub mod filter;
pub mod finding;
pub mod forced;
pub mod identity;
pub mod import;
pub mod job;
pub mod live;
pub mod role;
pub mod tag;
pub mod telemetry;
pub mod text;
pub mod traffic;
pub mod twin;

pub use error::AppError;
pub use protocol::{
    CommandId, ComponentKey, ComponentType, DeviceId, Email, ImportId, JobId, Scalar, TimestampMs,
    UserId, WifiError, WifiNetwork, improv,
};

use serde::{Deserialize, Serialize};

/// One page of a longer list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// How many rows the whole list has.
    pub total: u64,
    /// Which page this is, from 1.
    pub page: u32,
    /// How many rows a page holds.
    pub page_size: u32,
}

impl<T> Page<T> {
    /// The list's last page; the first where it has no rows.
    pub fn last(&self) -> u32 {
        let pages = self.total.div_ceil(u64::from(self.page_size.max(1)));
        u32::try_from(pages).unwrap_or(u32::MAX).max(1)
    }
}
