//! `/api/devices/{id}/telemetry`: history as series, or report by report.

use axum::{Json, extract::State};
use domain::{
    AppError, DeviceId, TimestampMs,
    telemetry::{Period, Report, ReportQuery, Series, SeriesQuery},
};
use serde::{Deserialize, Serialize};
use service::telemetry;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Path, Query, Refusal};
use crate::{http::Signed, state::AppState};

const MOST_POINTS: u32 = telemetry::MOST_REPORTS_OF_PAGE;

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
    /// To, exclusive, and not later than tomorrow; now where it is not given.
    to: Option<i64>,
    /// `auto` (default): series as fine as `limit` allows. A number of milliseconds: series in buckets of that
    /// length, from 1,000, above a minute in whole minutes. `raw`: the reports themselves.
    #[param(default = "auto")]
    bucket: Option<String>,
    /// At most this many points a series (the extremes stay), buckets, or reports; 1,000 where it is not
    /// given, 5,000 at most.
    limit: Option<u32>,
    /// With `raw`: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What one point stands for.
enum Bucket {
    Auto,
    Raw,
    Length(i64),
}

impl TelemetryQuery {
    fn bucket(&self) -> Result<Bucket, AppError> {
        let bucket = match self.bucket.as_deref() {
            None | Some("auto") => Bucket::Auto,
            Some("raw") => Bucket::Raw,
            Some(length) => length
                .parse()
                .map(Bucket::Length)
                .map_err(|_| AppError::invalid("bucket", "bucket"))?,
        };
        match (&bucket, &self.cursor) {
            (Bucket::Auto | Bucket::Length(_), Some(_)) => {
                Err(AppError::invalid("cursor", "only_with_raw"))
            }
            _ => Ok(bucket),
        }
    }

    fn after(&self) -> Result<Option<(TimestampMs, i64)>, AppError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let place = || {
            let (at, sequence) = cursor.split_once('_')?;
            Some((TimestampMs(at.parse().ok()?), sequence.parse().ok()?))
        };
        place()
            .map(Some)
            .ok_or_else(|| AppError::invalid("cursor", "cursor"))
    }
}

/// A page of reports, oldest first.
#[derive(Serialize, ToSchema)]
struct Reports {
    /// The reports of this page.
    items: Vec<Report>,
    /// `cursor` of the next page, where there is one.
    next_cursor: Option<String>,
}

/// The history of one component.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum History {
    /// Each value as a series of buckets.
    Series(Vec<Series>),
    /// With `bucket=raw`.
    Reports(Reports),
}

/// The history of one component: each value as a series of buckets with minimum, maximum and mean, or the
/// reports themselves, oldest first: `{items: [{at, received_at, sequence, late, status, values}], next_cursor}`.
#[utoipa::path(get, path = "/api/devices/{id}/telemetry", tag = "telemetry",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), TelemetryQuery),
    responses((status = 200, body = History), (status = 401), (status = 404), (status = 422)))]
async fn series(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(query): Query<TelemetryQuery>,
) -> Result<Json<History>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let period = Period::asked(query.from, query.to, state.services.now());
    let (bucket, after) = (query.bucket()?, query.after()?);
    let component = query
        .component
        .parse()
        .map_err(|_| AppError::invalid("component", "unknown_component"))?;
    let limit = query.limit.unwrap_or(1_000).clamp(1, MOST_POINTS);
    if let Bucket::Raw = bucket {
        let query = ReportQuery {
            component,
            period,
            after,
            limit,
        };
        let page = telemetry::reports(&state.services, &viewer, &query).await?;
        let next_cursor = page
            .next
            .map(|(at, sequence)| format!("{}_{sequence}", at.0));
        let items = page.items;
        return Ok(Json(History::Reports(Reports { items, next_cursor })));
    }
    let query = SeriesQuery {
        component,
        value: query.value,
        period,
        max_points: limit,
    };
    let series = match bucket {
        Bucket::Length(length) => {
            telemetry::buckets(&state.services, &viewer, &query, length).await?
        }
        _ => telemetry::series(&state.services, &viewer, &query).await?,
    };
    Ok(Json(History::Series(series)))
}
