//! Devices: list, page, pre-registration and claim.

pub mod claim_page;
mod device_actuator;
pub mod device_events;
pub mod device_manage;
pub mod device_page;
mod device_record;
pub mod device_state;
pub mod finding_server_fns;
pub mod label;
mod list_bulk;
pub mod list_page;
pub(crate) mod list_rows;
pub(crate) mod list_tools;
mod list_wrong;
pub mod preregister_page;
mod query;
pub mod server_fns;
pub(crate) mod trouble;
pub mod twin_server_fns;
pub(crate) mod words;
