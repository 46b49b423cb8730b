//! Reading again what a page shows, when something else is asked for.

use std::future::Future;

use domain::AppError;
use leptos::{prelude::*, task::spawn_local};

use crate::Failure;

/// Whether the server did not answer. What is shown stays then: the frame says that the connection is lost, and
/// the page is read again when it is back.
pub(crate) fn unanswered<T>(answer: &Result<T, Failure>) -> bool {
    matches!(answer, Err(Failure(AppError::Unavailable)))
}

/// Reads whenever `asked` is not what was last read, at first `known`, and hands the answer to `take`. An
/// answer to what is no longer asked for is left out.
pub(crate) fn read_again<A, T, F>(
    asked: Memo<A>,
    known: Option<A>,
    read: impl Fn(A) -> F + 'static,
    take: impl Fn(A, T) + Copy + 'static,
) where
    A: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = T> + 'static,
{
    Effect::new(move |before: Option<A>| {
        let now = asked.get();
        if before.as_ref().or(known.as_ref()) != Some(&now) {
            let (mine, answer) = (now.clone(), read(now.clone()));
            spawn_local(async move {
                let answer = answer.await;
                if asked.try_get_untracked().as_ref() == Some(&mine) {
                    take(mine, answer);
                }
            });
        }
        now
    });
}
