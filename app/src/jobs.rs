//! Jobs: made from a selection of devices, followed on a page of their own.

mod job_around;
pub mod job_page;
pub mod list_page;
pub mod new_page;
pub mod server_fns;
pub(crate) mod words;
