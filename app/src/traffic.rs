//! Debugging a device: its raw messages as they pass, and any command.

mod acts;
mod command_form;
mod force_form;
mod messages;
pub mod page;
pub mod server_fns;
mod words;
