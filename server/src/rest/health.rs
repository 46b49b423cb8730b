//! Whether the server is well, and what it counts.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{metrics, state::AppState};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(read_metrics))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`, or `degraded` when a part is down.
    status: &'static str,
    /// The database.
    database: &'static str,
    /// What stores reports.
    committer: &'static str,
    /// The way to the devices.
    broker: &'static str,
    /// The version of the program.
    version: &'static str,
}

/// Whether every part is well.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn healthz(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let database = state.services.db.ping().await.is_ok();
    let committer = state.committer.is_running();
    let broker = state.broker.is_up();
    let (status, code) = match database && committer && broker {
        true => ("ok", StatusCode::OK),
        false => ("degraded", StatusCode::SERVICE_UNAVAILABLE),
    };
    let health = Health {
        status,
        database: word(database),
        committer: word(committer),
        broker: word(broker),
        version: env!("CARGO_PKG_VERSION"),
    };
    (code, Json(health))
}

fn word(well: bool) -> &'static str {
    if well { "ok" } else { "down" }
}

/// Whether the server takes requests.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn readyz() -> &'static str {
    "ready"
}

/// What the server counts, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = OPENMETRICS)))]
async fn read_metrics(State(state): State<AppState>) -> impl IntoResponse {
    (
        [(axum::http::header::CONTENT_TYPE, OPENMETRICS)],
        metrics::text(&state),
    )
}
