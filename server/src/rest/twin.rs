//! `/api/devices/{id}/twin`: what a device reported, beside what is desired of it.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AppError, ComponentKey, DeviceId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{commands::Commander, twin};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(desire, let_go))
        .routes(routes!(try_again))
}

/// What each component reported, what is desired of it, and whether the two differ.
#[utoipa::path(get, path = "/api/devices/{id}/twin", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, description = "`{components: [{component, reported, reported_at, desired}]}`",
        body = serde_json::Value), (status = 401), (status = 404)))]
async fn read(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Response, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let components = twin::read(&state.services, &viewer).await?;
    Ok(Json(json!({ "components": components })).into_response())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = DesiredWish)]
struct Wish {
    /// What the component is meant to be, as the arguments of its `set`: `{"status": "ON"}`.
    #[schema(value_type = Object)]
    wanted: Map<String, Value>,
}

/// Sets what is desired of an actuator; the device is brought to it as soon as it is there.
#[utoipa::path(put, path = "/api/devices/{id}/twin/{component}/desired", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("component" = String, Path, description = "Such as `led`")),
    request_body = Wish,
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Nobody owns the device"), (status = 422)))]
async fn desire(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, String)>,
    Body(wish): Body<Wish>,
) -> Result<StatusCode, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let component = key(&component)?;
    twin::desire(&state.services, &commander, &component, wish.wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets go of what is desired of a component: it stays as it is. Gives what was desired.
#[utoipa::path(delete, path = "/api/devices/{id}/twin/{component}/desired", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("component" = String, Path, description = "Such as `led`")),
    responses((status = 200, description = "`{wanted}`", body = serde_json::Value), (status = 401),
        (status = 403), (status = 404, description = "Nothing is desired of it"), (status = 422)))]
async fn let_go(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, String)>,
) -> Result<Response, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let wanted = twin::let_go(&state.services, &commander, &key(&component)?).await?;
    Ok(Json(json!({ "wanted": wanted })).into_response())
}

/// Tries again to bring a component to what is desired of it, after the server has given up.
#[utoipa::path(post, path = "/api/devices/{id}/twin/{component}/desired/retry", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("component" = String, Path, description = "Such as `led`")),
    responses((status = 204), (status = 401), (status = 403),
        (status = 404, description = "Nothing is desired of it"), (status = 422)))]
async fn try_again(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, String)>,
) -> Result<StatusCode, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    twin::try_again(&state.services, &commander, &key(&component)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn key(text: &str) -> Result<ComponentKey, AppError> {
    text.parse()
        .map_err(|_| AppError::invalid("component", "unknown_component"))
}
