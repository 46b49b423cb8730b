//! `/api/devices/{id}/state/{key}`: forcing a value, to debug.

use axum::{extract::State, http::StatusCode};
use domain::{AppError, DeviceId, Scalar};
use serde::Deserialize;
use service::{commands::Commander, forced};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(force, release))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ForcedWish)]
struct Wish {
    /// A number, a text of at most 64 characters, or `true` or `false`; of the type that the device reports.
    value: serde_json::Value,
}

/// Sets a value of a device's state by hand. It is shown as forced until the device reports the value again, or until
/// it is put back; no report is made of it. For the owner, administrators and developers; the owner is shown who did.
#[utoipa::path(put, path = "/api/devices/{id}/state/{key}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("key" = String, Path, description = "Such as `led` or `dht22_temp`")),
    request_body = Wish,
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Nobody owns the device"), (status = 422)))]
async fn force(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, key)): Path<(DeviceId, String)>,
    Body(wish): Body<Wish>,
) -> Result<StatusCode, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let value = serde_json::from_value::<Scalar>(wish.value)
        .map_err(|_| AppError::invalid("value", "value_type"))?;
    forced::force(&state.services, &commander, &key, value).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts back what the device reported last.
#[utoipa::path(delete, path = "/api/devices/{id}/state/{key}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("key" = String, Path, description = "Such as `led` or `dht22_temp`")),
    responses((status = 204), (status = 401), (status = 403),
        (status = 404, description = "The value is not forced"),
        (status = 409, description = "Nobody owns the device")))]
async fn release(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, key)): Path<(DeviceId, String)>,
) -> Result<StatusCode, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    forced::release(&state.services, &commander, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}
