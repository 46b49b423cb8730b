//! Devices: list, page, pre-registration and claim.

pub mod beside_server_fns;
pub mod claim_page;
mod device_actuator;
mod device_beside;
pub mod device_events;
pub mod device_manage;
pub mod device_page;
mod device_people;
mod device_presence;
mod device_record;
pub mod device_state;
mod device_tags;
pub mod finding_server_fns;
pub mod label;
mod list_bulk;
pub mod list_page;
mod list_pick;
pub(crate) mod list_rows;
pub(crate) mod list_tools;
mod list_views;
pub(crate) mod list_wrong;
pub mod preregister_page;
mod query;
pub mod server_fns;
pub(crate) mod trouble;
pub mod twin_server_fns;
pub(crate) mod words;
