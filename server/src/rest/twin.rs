//! `/api/devices/{id}/twin`: what a device reported, beside what is desired of it.

use axum::{Json, extract::State, http::StatusCode};
use domain::{AppError, ComponentKey, DeviceId, twin::TwinComponent};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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

#[derive(Serialize, ToSchema)]
struct Twin {
    /// The components that are attached.
    components: Vec<TwinComponent>,
}

/// What each component reported, what is desired of it, and whether the two differ.
#[utoipa::path(get, path = "/api/devices/{id}/twin", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = Twin), (status = 401), (status = 404)))]
async fn read(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Json<Twin>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let components = twin::read(&state.services, &viewer).await?;
    Ok(Json(Twin { components }))
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

#[derive(Serialize, ToSchema)]
struct LetGo {
    /// What was desired: the arguments of the component's `set`.
    #[schema(value_type = Object)]
    wanted: Map<String, Value>,
}

/// Lets go of what is desired of a component: it stays as it is. Gives what was desired.
#[utoipa::path(delete, path = "/api/devices/{id}/twin/{component}/desired", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("component" = String, Path, description = "Such as `led`")),
    responses((status = 200, body = LetGo), (status = 401),
        (status = 403), (status = 404, description = "Nothing is desired of it"), (status = 422)))]
async fn let_go(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, String)>,
) -> Result<Json<LetGo>, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let wanted = twin::let_go(&state.services, &commander, &key(&component)?).await?;
    Ok(Json(LetGo { wanted }))
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
