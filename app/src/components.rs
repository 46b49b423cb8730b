//! The components of a device: what is attached where, how it does, and attaching.

mod attach_form;
mod pin_map;
pub(crate) mod section;
pub mod server_fns;
