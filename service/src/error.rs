//! From a failure inside to the one error at the edge: logged once, with an id to find it by.

use domain::AppError;
use uuid::Uuid;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Runs `work` as a part of this request: what goes wrong in it is logged and shown under the request's
/// own id.
pub async fn within_request<T>(id: String, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(id, work).await
}

/// Logs `error` with its chain under the request's id, or a new one outside of a request, and gives what
/// the edge may show.
pub fn internal(error: impl std::fmt::Display + std::fmt::Debug) -> AppError {
    let request_id = REQUEST_ID
        .try_with(Clone::clone)
        .unwrap_or_else(|_| Uuid::new_v4().to_string());
    tracing::error!(%request_id, error = %error, debug = ?error, "internal error {request_id}: {error}");
    AppError::Internal { request_id }
}
