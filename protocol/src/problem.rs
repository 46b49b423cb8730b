//! Errors of the HTTP interface: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One error as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable name, `urn:madang:problem:…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short summary that does not change from one occurrence to the next.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The field that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Finds the log line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
