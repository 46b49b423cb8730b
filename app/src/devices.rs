//! Devices: list, page, pre-registration and claim.

pub mod claim_page;
pub mod device_events;
pub mod device_manage;
pub mod device_page;
mod device_record;
pub mod device_state;
pub mod label;
pub mod list_page;
pub(crate) mod list_rows;
pub mod preregister_page;
mod query;
pub mod server_fns;
pub(crate) mod words;
