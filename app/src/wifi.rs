//! Moving a device to another Wi-Fi network.

mod changes;
mod form;
pub mod page;
pub mod server_fns;
