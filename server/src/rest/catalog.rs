//! `/api/components`, `/api/hardware-versions`, `/api/hardware-variants`, `/api/device-configs`: the catalog.
//!
//! Whoever is signed in may read it; administrators change it. What is in use is not deleted: the answer is
//! 409 with `detail` `in_use: ` and who uses it.

mod hardware;
mod rules;
mod types;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    types::router()
        .merge(hardware::router())
        .merge(rules::router())
}
