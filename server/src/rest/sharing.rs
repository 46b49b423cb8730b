//! Who sees a device, and how long it was there.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, DeviceId, UserId,
    finding::{PresenceHistory, Sharer},
    role::DeviceRole,
};
use serde::{Deserialize, Serialize};
use service::{devices::sharing, presence};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Body, Path, Query, Refusal},
    word::word,
};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(people, share))
        .routes(routes!(unshare))
        .routes(routes!(leave))
        .routes(routes!(history))
}

/// Everybody with a role on a device: `[{id, name, email, role, claimed}]`. Owners and administrators only.
#[utoipa::path(get, path = "/api/devices/{id}/people", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = Vec<Sharer>), (status = 401), (status = 403), (status = 404)))]
async fn people(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Json<Vec<Sharer>>, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    Ok(Json(sharing::people(&state.services, &owner).await?))
}

#[derive(Deserialize, ToSchema)]
struct Share {
    /// The address of somebody with an account.
    email: String,
    /// `owner` or `viewer`.
    role: String,
}

#[derive(Serialize, ToSchema)]
struct Shared {
    /// With whom.
    user_id: uuid::Uuid,
}

/// Shares a device with somebody who has an account, or changes their role on it.
#[utoipa::path(put, path = "/api/devices/{id}/people", tag = "devices",
    request_body = Share,
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = Share,
    responses((status = 200, body = Shared), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Nobody owns it, or 100 people see it"),
        (status = 422, description = "Nobody has this address, or they claimed it")))]
async fn share(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<Share>,
) -> Result<Json<Shared>, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    let role = word("role", &body.role, DeviceRole::parse)?;
    let UserId(user_id) = sharing::share(&state.services, &owner, &body.email, role).await?;
    Ok(Json(Shared { user_id }))
}

/// Takes somebody's role on a device away.
#[utoipa::path(delete, path = "/api/devices/{id}/people/{user_id}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("user_id" = uuid::Uuid, Path, description = "Whose")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "They claimed it")))]
async fn unshare(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, user)): Path<(DeviceId, uuid::Uuid)>,
) -> Result<StatusCode, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    sharing::unshare(&state.services, &owner, UserId(user)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives one's own role on a device up.
#[utoipa::path(delete, path = "/api/devices/{id}/people/me", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 204), (status = 401), (status = 404),
        (status = 409, description = "One claimed it")))]
async fn leave(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<StatusCode, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    sharing::leave(&state.services, &viewer).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
struct Days {
    /// How many days back, 1 to 90; 7 where it is not given.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
}

/// How long a device was there: slots for a strip, and the latest times that it was not, with causes.
/// `{from, to, slot_ms, slots: [{at, online_ms, timeout_ms, offline_ms}], online_ms, known_ms,
/// absences: [{from, to, presence, cause}]}`.
#[utoipa::path(get, path = "/api/devices/{id}/presence", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), Days),
    responses((status = 200, body = PresenceHistory), (status = 401), (status = 404), (status = 422)))]
async fn history(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(query): Query<Days>,
) -> Result<Json<PresenceHistory>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let days = query.days.unwrap_or(7);
    if !(1..=presence::MOST_DAYS).contains(&days) {
        return Err(AppError::invalid("days", "unknown_value").into());
    }
    Ok(Json(
        presence::history(&state.services, &viewer, days).await?,
    ))
}
