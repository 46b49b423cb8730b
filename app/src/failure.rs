//! The error of every server function: [`AppError`] with its HTTP status.
//!
//! A server function returns `Result<T, Failure>` and uses `?` on what `service` returns; the
//! conversion is the one place where an error sets the response's status.

use domain::AppError;
use serde::{Deserialize, Serialize};
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

use crate::json::JsonText;

/// What a server function answers when it does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub AppError);

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        #[cfg(feature = "ssr")]
        set_status(error.status());
        Self(error)
    }
}

impl FromServerFnError for Failure {
    type Encoder = JsonText;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(message) | ServerFnErrorErr::MissingArg(message) => {
                tracing_refused(&message);
                Self::from(AppError::invalid("form", "invalid"))
            }
            // On the server it is what was sent that is read; in a browser it is the answer.
            #[cfg(feature = "ssr")]
            ServerFnErrorErr::Deserialization(message) => {
                tracing_refused(&message);
                Self::from(AppError::invalid("form", "invalid"))
            }
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                Self(AppError::Unavailable)
            }
            other => Self::from(internal(other)),
        }
    }
}

#[cfg(feature = "ssr")]
fn set_status(status: u16) {
    use leptos::prelude::use_context;
    if let (Some(response), Ok(status)) = (
        use_context::<leptos_axum::ResponseOptions>(),
        axum::http::StatusCode::from_u16(status),
    ) {
        response.set_status(status);
    }
}

#[cfg(feature = "ssr")]
fn tracing_refused(message: &str) {
    tracing::debug!("a form does not fit its server function: {message}");
}

#[cfg(not(feature = "ssr"))]
fn tracing_refused(_message: &str) {}

#[cfg(feature = "ssr")]
fn internal(error: ServerFnErrorErr) -> AppError {
    service::internal(error)
}

#[cfg(not(feature = "ssr"))]
fn internal(_error: ServerFnErrorErr) -> AppError {
    AppError::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_wire() {
        let failure = Failure(AppError::TooMany { retry_after_s: 12 });
        assert_eq!(Failure::de(failure.ser()), failure);
    }
}
