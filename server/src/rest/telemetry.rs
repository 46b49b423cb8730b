//! `/api/devices/{id}/telemetry`: history as series.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{AppError, DeviceId, TimestampMs, telemetry::SeriesQuery};
use serde::Deserialize;
use service::telemetry;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Path, Query, Refusal};
use crate::{http::Signed, state::AppState};

const HOUR_MS: i64 = 3_600_000;
const MOST_POINTS: u32 = 5_000;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(series))
}

#[derive(Debug, Deserialize, IntoParams)]
struct TelemetryQuery {
    /// The component, such as `cpu`.
    component: String,
    /// Only this value of it, such as `average`.
    value: Option<String>,
    /// From, inclusive, in milliseconds since the epoch; an hour before `to` where it is not given.
    from: Option<i64>,
    /// To, exclusive; now where it is not given.
    to: Option<i64>,
    /// At most this many points a series; the extremes stay.
    limit: Option<u32>,
}

/// The history of one component: each value as a series of buckets with minimum, maximum and mean.
#[utoipa::path(get, path = "/api/devices/{id}/telemetry", tag = "telemetry",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), TelemetryQuery),
    responses((status = 200, body = serde_json::Value), (status = 401), (status = 404), (status = 422)))]
async fn series(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(query): Query<TelemetryQuery>,
) -> Result<Response, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let to = query.to.map_or_else(|| state.services.now(), TimestampMs);
    let query = SeriesQuery {
        component: query
            .component
            .parse()
            .map_err(|_| AppError::invalid("component", "unknown_component"))?,
        value: query.value,
        from: query.from.map_or_else(|| to.plus_ms(-HOUR_MS), TimestampMs),
        to,
        max_points: query.limit.unwrap_or(1_000).clamp(1, MOST_POINTS),
    };
    let series = telemetry::series(&state.services, &viewer, &query).await?;
    Ok(Json(series).into_response())
}
