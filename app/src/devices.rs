//! Devices: list, page, pre-registration and claim.

pub mod claim_page;
pub mod device_page;
pub mod list_page;
pub mod preregister_page;
