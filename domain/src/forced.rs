//! A value that a person set by hand, to debug: it stands in front of what was reported until the next report.

use protocol::{Scalar, TimestampMs};
use serde::{Deserialize, Serialize};

/// Who set a value by hand, and what it stands in front of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Forced {
    /// The name of the person.
    pub by: String,
    /// When.
    pub at: TimestampMs,
    /// What was reported last; none where nothing was.
    pub before: Option<Scalar>,
}
