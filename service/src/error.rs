//! From a failure inside to the one error at the edge: logged once, with an id to find it by.

use domain::AppError;
use uuid::Uuid;

/// Logs `error` with its chain under a new id and gives what the edge may show.
pub fn internal(error: impl std::fmt::Display + std::fmt::Debug) -> AppError {
    let request_id = Uuid::new_v4().simple().to_string();
    tracing::error!(%request_id, error = %error, debug = ?error, "internal error {request_id}: {error}");
    AppError::Internal { request_id }
}
