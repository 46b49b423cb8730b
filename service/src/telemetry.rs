//! Telemetry: the group commit, the history behind the charts, rollups and retention.

use domain::{
    AppError,
    telemetry::{Series, SeriesQuery},
};

use crate::{Services, ViewerOf};

/// Series for a chart: at most `max_points` each, from raw reports or the coarsest rollup that is fine enough.
pub async fn series(
    services: &Services,
    viewer: &ViewerOf,
    query: &SeriesQuery,
) -> Result<Vec<Series>, AppError> {
    let _ = (services, viewer, query);
    Err(AppError::Unavailable)
}
