//! From a failure inside to the one error at the edge: logged once, with an id to find it by.

use std::any::Any;

use domain::AppError;
use sea_orm::{DbErr, RuntimeErr, SqlxError};
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
/// the edge may show. A text that PostgreSQL cannot hold is the asker's to mend and no defect.
pub fn internal(error: impl std::fmt::Display + std::fmt::Debug + 'static) -> AppError {
    if (&error as &dyn Any).downcast_ref().is_some_and(is_of_text) {
        return AppError::invalid("text", "invalid");
    }
    let request_id = REQUEST_ID
        .try_with(Clone::clone)
        .unwrap_or_else(|_| Uuid::new_v4().to_string());
    tracing::error!(%request_id, error = %error, debug = ?error, "internal error {request_id}: {error}");
    AppError::Internal { request_id }
}

/// Whether the database could not hold a text that it was given: it had U+0000 in it.
fn is_of_text(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let SqlxError::Database(error) = &**error else {
        return false;
    };
    // Of PostgreSQL's table of errors: character_not_in_repertoire and untranslatable_character.
    matches!(error.code().as_deref(), Some("22021" | "22P05"))
}
