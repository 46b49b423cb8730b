//! What a server function may ask of its request: the services, who acts, from where.

use domain::AppError;
use leptos::prelude::use_context;
use service::{Actor, Services, accounts::Client};

/// Everything a use case needs.
pub fn services() -> Result<Services, AppError> {
    use_context().ok_or(AppError::Unavailable)
}

/// Who is signed in.
pub fn actor() -> Result<Actor, AppError> {
    use_context().ok_or(AppError::SignedOut)
}

/// From where the request came.
pub fn client() -> Client {
    use_context().unwrap_or_default()
}
