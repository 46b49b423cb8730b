//! The one error that crosses the edge, to REST and to the browser.

use serde::{Deserialize, Serialize};

/// What a person or a client can do something about; everything else is `Internal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AppError {
    /// There is no such thing, or this person may not know of it.
    #[error("not found")]
    NotFound,
    /// An input was refused.
    #[error("{field}: {message}")]
    Invalid {
        /// The field's name in the form or body.
        field: String,
        /// A key of the interface's messages, such as `email_taken`.
        message: String,
    },
    /// Signed in, but not allowed.
    #[error("forbidden")]
    Forbidden,
    /// Not signed in, or no longer.
    #[error("signed out")]
    SignedOut,
    /// It would contradict what is already there.
    #[error("conflict: {message}")]
    Conflict {
        /// A key of the interface's messages, such as `serial_known`.
        message: String,
    },
    /// It is gone for good: a revoked device.
    #[error("gone")]
    Gone,
    /// Too many tries.
    #[error("too many tries, again in {retry_after_s} s")]
    TooMany {
        /// Seconds to wait.
        retry_after_s: u32,
    },
    /// A part of the system is down.
    #[error("unavailable")]
    Unavailable,
    /// A defect; the log has the rest under this id.
    #[error("internal error {request_id}")]
    Internal {
        /// Finds the log line.
        request_id: String,
    },
}

impl AppError {
    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Invalid { .. } => 422,
            Self::Forbidden => 403,
            Self::SignedOut => 401,
            Self::Conflict { .. } => 409,
            Self::Gone => 410,
            Self::TooMany { .. } => 429,
            Self::Unavailable => 503,
            Self::Internal { .. } => 500,
        }
    }

    /// An input error.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// A contradiction.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
        }
    }
}
