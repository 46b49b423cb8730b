//! Imports: devices from a file, how far they are, and their labels.

pub mod import_page;
pub mod labels_page;
pub mod progress_page;
pub mod server_fns;
mod words;
