//! Saved views of the device list, and the list as a file.

use axum::{
    Json,
    body::{Body as HttpBody, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{AppError, finding::Column};
use futures::stream;
use serde::{Deserialize, Serialize};
use service::devices::{
    export::Export,
    views::{self, NewView},
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    devices::ListQuery,
    problem::{Body, Path, Query, Refusal},
};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, save))
        .routes(routes!(delete))
        .routes(routes!(export))
}

#[derive(Serialize, ToSchema)]
struct View {
    /// Its id.
    id: uuid::Uuid,
    /// What it is called.
    name: String,
    /// What follows `/devices?` in its address.
    address: String,
    /// Whether everybody is shown it.
    shared: bool,
    /// Whether one may replace and delete it.
    may_change: bool,
}

impl View {
    fn of(view: domain::finding::SavedView) -> Result<Self, AppError> {
        Ok(Self {
            id: view.id.parse().map_err(service::internal)?,
            name: view.name,
            address: view.address,
            shared: view.shared,
            may_change: view.may_change,
        })
    }
}

/// One's own views, and those that everybody is shown.
#[utoipa::path(get, path = "/api/views", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<View>), (status = 401)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<View>>, Refusal> {
    let views = views::list(&state.services, &actor).await?;
    let views = views.into_iter().map(View::of).collect::<Result<_, _>>()?;
    Ok(Json(views))
}

#[derive(Deserialize, ToSchema)]
struct Save {
    /// What to call it, 1 to 80 characters. One's own view of that name is replaced.
    name: String,
    /// What follows `/devices?` in its address: `q=tag:lab-1&sort=name&col=status&density=compact`.
    #[serde(default)]
    address: String,
    /// Whether everybody is shown it; administrators only.
    #[serde(default)]
    shared: bool,
}

/// Keeps a list as a view.
#[utoipa::path(post, path = "/api/views", tag = "devices",
    request_body = Save,
    security(("bearer" = []), ("api_key" = [])),
    request_body = Save,
    responses((status = 201, body = View), (status = 401), (status = 403),
        (status = 409, description = "One has 50 views"), (status = 422)))]
async fn save(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<Save>,
) -> Result<(StatusCode, Json<View>), Refusal> {
    let wish = NewView {
        name: body.name,
        address: body.address,
        shared: body.shared,
    };
    let view = views::save(&state.services, &actor, wish).await?;
    Ok((StatusCode::CREATED, Json(View::of(view)?)))
}

/// Forgets a view.
#[utoipa::path(delete, path = "/api/views/{id}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The view")),
    responses((status = 204), (status = 401), (status = 403), (status = 404)))]
async fn delete(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<uuid::Uuid>,
) -> Result<StatusCode, Refusal> {
    views::delete(&state.services, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
struct Columns {
    /// With commas: `status`, `value`, `report`, `version`, `hardware`, `owner`, `tags`, `state.{key}`, or
    /// `none`; the usual ones where none are given.
    #[serde(default)]
    columns: String,
}

/// All pages of the list as a file for spreadsheets: CSV (RFC 4180) in UTF-8 with a byte order mark. Texts that
/// begin like a formula begin with `'`.
#[utoipa::path(get, path = "/api/devices/export.csv", tag = "devices", params(ListQuery, Columns),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, content_type = "text/csv", body = String), (status = 401), (status = 422)))]
async fn export(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<ListQuery>,
    Query(chosen): Query<Columns>,
) -> Result<Response, Refusal> {
    let columns = match chosen.columns.as_str() {
        "" => Column::DEFAULT.to_vec(),
        "none" => Vec::new(),
        names => names
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| AppError::invalid("columns", "unknown_value"))?,
    };
    let file = Export::begin(&state.services, &actor, &query.checked()?, columns).await?;
    let parts = stream::try_unfold(file, async |mut file| {
        let part = file.part().await?;
        Ok::<_, AppError>(part.map(|part| (Bytes::from(part), file)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"devices.csv\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, HttpBody::from_stream(parts)).into_response())
}
