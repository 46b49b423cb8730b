//! `/api/components`, `/api/hardware-versions`, `/api/hardware-variants`, `/api/device-configs`: the catalog.
//!
//! Whoever is signed in may read it; administrators change it. What is in use is not deleted: the answer is
//! 409 with `detail` `in_use: ` and who uses it.

mod hardware;
mod rules;
mod types;

use domain::AppError;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    types::router()
        .merge(hardware::router())
        .merge(rules::router())
}

/// A word of a list of words, or an error that names the field.
pub(super) fn word<T>(
    field: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, AppError> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => parse(text)
            .map(Some)
            .ok_or_else(|| AppError::invalid(field, "unknown_value")),
    }
}
