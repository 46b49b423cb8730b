//! What does not end with the request that began it.

use domain::AppError;
use sea_orm::DatabaseTransaction;
use tokio::task::JoinError;
use tracing::Instrument as _;

use crate::internal;

/// Runs this at once in a task of its own, and gives what to wait for: a request that takes too long, or whose sender
/// goes away, drops what it waits for, and this goes on.
pub(crate) fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, AppError>> + Send + 'static,
) -> impl Future<Output = Result<T, AppError>> + Send {
    let task = tokio::spawn(work.in_current_span());
    async move { task.await.map_err(internal)? }
}

/// Commits, and does what follows from it to its end, whatever becomes of the request.
pub(crate) fn commit_then<T: Send + 'static>(
    transaction: DatabaseTransaction,
    follows: impl Future<Output = Result<T, AppError>> + Send + 'static,
) -> impl Future<Output = Result<T, AppError>> + Send {
    apart(async move {
        transaction.commit().await.map_err(internal)?;
        follows.await
    })
}

/// What a task gives: a panic in it is one here, and `None` says that the process ends before the task.
pub async fn joined<T>(task: impl Future<Output = Result<T, JoinError>>) -> Option<T> {
    match task.await {
        Ok(given) => Some(given),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}
