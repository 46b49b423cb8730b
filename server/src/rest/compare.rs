//! `/api/telemetry`: values of several devices over the same time.

use axum::{Json, extract::State};
use domain::{
    AppError,
    telemetry::{Comparison, ComparisonQuery, Period, split_value},
};
use serde::Deserialize;
use service::telemetry;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Query, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(compare))
}

#[derive(Debug, Deserialize, IntoParams)]
struct CompareQuery {
    /// With commas: `{device}.{component}.{value}`, such as `….cpu.average`.
    #[serde(default)]
    series: String,
    /// `{component}.{value}` of every device that `search` finds.
    #[serde(default)]
    value: String,
    /// Which devices: as `search` of the list.
    #[serde(default)]
    search: String,
    /// From, inclusive, in milliseconds since the epoch; an hour before `to` where it is not given.
    from: Option<i64>,
    /// To, exclusive, and not later than tomorrow; now where it is not given.
    to: Option<i64>,
    /// At most this many points a line; 480 where it is not given, 5,000 at most.
    limit: Option<u32>,
}

/// Values of several devices over the same time, at most 12 lines: `{lines: [{name, device_name, label_ko,
/// label_en, unit, bucket_ms, points}], missing, left_out}`. Each line has at most `limit` points, and keeps its extremes.
#[utoipa::path(get, path = "/api/telemetry", tag = "telemetry", params(CompareQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Comparison), (status = 401), (status = 422)))]
async fn compare(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<CompareQuery>,
) -> Result<Json<Comparison>, Refusal> {
    let refused = |field: &str| AppError::invalid(field, "unknown_value");
    let names = query.series.split(',').filter(|name| !name.is_empty());
    let asked = ComparisonQuery {
        series: names
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| refused("series"))?,
        search: query.search,
        value: match query.value.as_str() {
            "" => None,
            value => Some(split_value(value).map_err(|_| refused("value"))?),
        },
        period: Period::asked(query.from, query.to, state.services.now()),
        max_points: query.limit.unwrap_or(480).clamp(1, telemetry::MOST_POINTS),
    };
    Ok(Json(
        telemetry::compare(&state.services, &actor, &asked).await?,
    ))
}
