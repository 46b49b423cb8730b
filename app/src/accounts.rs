//! People: first run, sign-in, registration, one's own account, and the list of people.

mod access;
pub mod account_page;
pub mod account_server_fns;
pub mod address;
#[cfg(feature = "ssr")]
mod admission;
pub mod apps;
pub mod invitations;
pub mod keys;
#[cfg(feature = "ssr")]
pub mod preferences;
pub mod register_page;
pub mod roles;
pub mod server_fns;
pub mod sessions;
pub mod setting;
pub mod setup_page;
pub mod sign_in_page;
pub mod user_row;
pub mod users_page;
pub mod users_server_fns;
