//! The one error that crosses the edge, to REST and to the browser.

use serde::{Deserialize, Serialize};

/// What a person or a client can do something about; everything else is `Internal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "Told")]
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
        /// A key of the interface's messages, such as `serial_known`; behind a colon what it speaks of, as
        /// in `pin_taken: led-2`.
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

/// Every field of every [`AppError`]: read in one go, where a tagged enum would first keep the whole text.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: Kind,
    field: Option<String>,
    message: Option<String>,
    retry_after_s: Option<u32>,
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    NotFound,
    Invalid,
    Forbidden,
    SignedOut,
    Conflict,
    Gone,
    TooMany,
    Unavailable,
    Internal,
}

impl TryFrom<Told> for AppError {
    type Error = &'static str;

    fn try_from(told: Told) -> Result<Self, &'static str> {
        let lacks = "the error lacks a field";
        Ok(match told.kind {
            Kind::NotFound => Self::NotFound,
            Kind::Invalid => Self::Invalid {
                field: told.field.ok_or(lacks)?,
                message: told.message.ok_or(lacks)?,
            },
            Kind::Forbidden => Self::Forbidden,
            Kind::SignedOut => Self::SignedOut,
            Kind::Conflict => Self::Conflict {
                message: told.message.ok_or(lacks)?,
            },
            Kind::Gone => Self::Gone,
            Kind::TooMany => Self::TooMany {
                retry_after_s: told.retry_after_s.ok_or(lacks)?,
            },
            Kind::Unavailable => Self::Unavailable,
            Kind::Internal => Self::Internal {
                request_id: told.request_id.ok_or(lacks)?,
            },
        })
    }
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

    /// A contradiction with something that has a name.
    pub fn conflict_with(message: &str, what: impl std::fmt::Display) -> Self {
        Self::conflict(format!("{message}: {what}"))
    }
}

/// The key of a message and what it speaks of.
pub fn message_parts(message: &str) -> (&str, Option<&str>) {
    match message.split_once(": ") {
        Some((key, what)) => (key, Some(what)),
        None => (message, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_read_as_it_was_written() {
        for error in [
            AppError::NotFound,
            AppError::invalid("email", "email_taken"),
            AppError::Forbidden,
            AppError::SignedOut,
            AppError::conflict("serial_known"),
            AppError::Gone,
            AppError::TooMany { retry_after_s: 7 },
            AppError::Unavailable,
            AppError::Internal {
                request_id: "r1".to_owned(),
            },
        ] {
            let text = serde_json::to_string(&error).expect("JSON");
            let read: AppError = serde_json::from_str(&text).expect("the error");
            assert_eq!(read, error, "{text}");
        }
        let lacking = serde_json::from_str::<AppError>(r#"{"type":"conflict"}"#);
        assert!(lacking.is_err());
    }
}
