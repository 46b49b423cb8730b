//! People: first run, sign-in, registration, one's own account, and the list of people.

pub mod account_page;
pub mod register_page;
pub mod setup_page;
pub mod sign_in_page;
pub mod users_page;
