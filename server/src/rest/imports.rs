//! `/api/devices/imports`: thousands of devices from a file, and new codes for labels.

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    DeviceId, ImportId, Page,
    import::{Import, MOST_BYTES, RefusedLine},
};
use serde::{Deserialize, Serialize};
use service::devices::imports;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Query, Refusal, refused_body};
use crate::{http::Signed, state::AppState};

const CSV: &str = "text/csv";

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .routes(routes!(read))
        .routes(routes!(refused))
        .routes(routes!(result))
        .routes(routes!(cancel))
        .routes(routes!(forget))
        .routes(routes!(labels))
}

#[derive(Debug, Deserialize, IntoParams)]
struct PageQuery {
    /// From 1.
    page: Option<u32>,
    /// 1 to 200.
    page_size: Option<u32>,
}

/// Imports, the newest first.
#[utoipa::path(get, path = "/api/devices/imports", tag = "devices", params(PageQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Page<Import>), (status = 401), (status = 403), (status = 422)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Import>>, Refusal> {
    let admin = actor.require_admin()?;
    let (page, size) = (query.page.unwrap_or(1), query.page_size.unwrap_or(50));
    let found = imports::list(&state.services, &admin, page, size).await?;
    Ok(Json(found))
}

#[derive(Debug, Deserialize, IntoParams)]
struct StartQuery {
    /// The file's name, to know it again.
    #[serde(default)]
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Started {
    /// The import: `GET /api/devices/imports/{id}` says how far it is.
    import: uuid::Uuid,
}

/// Pre-registers a device for each line of a CSV file: `cpu_serial, uuid, hardware_version,
/// hardware_variant, name, components`, or any of them and `kind` by a header. Up to 10,000 lines and 2 MiB.
#[utoipa::path(post, path = "/api/devices/imports", tag = "devices", params(StartQuery),
    security(("bearer" = []), ("api_key" = [])),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 202, body = Started), (status = 401), (status = 403),
        (status = 409, description = "Too many imports are under way"),
        (status = 413, description = "Larger than 2 MiB"),
        (status = 415, description = "Not `text/csv`"), (status = 422)))]
async fn start(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let admin = actor.require_admin()?;
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.trim().to_ascii_lowercase().starts_with(CSV) {
        let wanted = "`Content-Type: text/csv` is expected".to_owned();
        return Ok(refused_body(StatusCode::UNSUPPORTED_MEDIA_TYPE, wanted));
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return Ok(refused_body(rejection.status(), rejection.body_text())),
    };
    let id = imports::start(&state.services, &admin, &query.name, &body).await?;
    Ok(started(id))
}

/// How far an import is.
#[utoipa::path(get, path = "/api/devices/imports/{import}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("import" = uuid::Uuid, Path, description = "The import")),
    responses((status = 200, body = Import), (status = 401), (status = 403), (status = 404)))]
async fn read(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<ImportId>,
) -> Result<Json<Import>, Refusal> {
    let admin = actor.require_admin()?;
    let import = imports::read(&state.services, &admin, id).await?;
    Ok(Json(import))
}

/// The lines that were refused: number, column, value and why.
#[utoipa::path(get, path = "/api/devices/imports/{import}/refused", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("import" = uuid::Uuid, Path, description = "The import"), PageQuery),
    responses((status = 200, body = Page<RefusedLine>), (status = 401), (status = 403), (status = 404),
        (status = 422)))]
async fn refused(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<ImportId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RefusedLine>>, Refusal> {
    let admin = actor.require_admin()?;
    imports::read(&state.services, &admin, id).await?;
    let (page, size) = (query.page.unwrap_or(1), query.page_size.unwrap_or(50));
    let found = imports::refused(&state.services, &admin, id, page, size).await?;
    Ok(Json(found))
}

/// Every line with what became of it, as CSV; with codes and claim links while they are kept (a day).
#[utoipa::path(get, path = "/api/devices/imports/{import}/result", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("import" = uuid::Uuid, Path, description = "The import")),
    responses((status = 200, content_type = "text/csv", body = String), (status = 401),
        (status = 403), (status = 404)))]
async fn result(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<ImportId>,
) -> Result<Response, Refusal> {
    let admin = actor.require_admin()?;
    let (import, bytes) = imports::csv(&state.services, &admin, id).await?;
    let file = format!("attachment; filename=\"madang-{}.csv\"", import.id);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(file) = HeaderValue::from_str(&file) {
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    Ok(response)
}

/// Stops an import; what was made stays.
#[utoipa::path(post, path = "/api/devices/imports/{import}/cancel", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("import" = uuid::Uuid, Path, description = "The import")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It is over")))]
async fn cancel(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<ImportId>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    imports::cancel(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes the server's copy of the codes before its time; the codes themselves stay good.
#[utoipa::path(delete, path = "/api/devices/imports/{import}/codes", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("import" = uuid::Uuid, Path, description = "The import")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It is still running")))]
async fn forget(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<ImportId>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    imports::forget_codes(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Chosen {
    /// Devices that wait to be claimed, at most 10,000.
    devices: Vec<uuid::Uuid>,
}

/// Gives each of these devices a new code for its label; the old codes are void.
#[utoipa::path(post, path = "/api/devices/labels", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Chosen,
    responses((status = 202, body = Started), (status = 400), (status = 401), (status = 403),
        (status = 409, description = "None of them waits to be claimed"), (status = 422)))]
async fn labels(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<Chosen>,
) -> Result<Response, Refusal> {
    let admin = actor.require_admin()?;
    let devices: Vec<_> = body.devices.into_iter().map(DeviceId).collect();
    let id = imports::start_labels(&state.services, &admin, &devices).await?;
    Ok(started(id))
}

fn started(id: ImportId) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(Started { import: id.0 })).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/devices/imports/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
