//! Identity: what was found, what to do about it, and what people are told.

pub mod finding_page;
pub mod list_page;
pub mod notices_page;
pub mod policies;
pub mod server_fns;
mod words;
