//! `/api/devices/{id}/change-wifi`: moving a device to another network.

use axum::{Json, extract::State, http::StatusCode};
use domain::{DeviceId, command::Command};
use serde::Deserialize;
use service::commands::wifi;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(change))
}

/// A network to move to.
#[derive(Deserialize, ToSchema)]
#[schema(as = WifiWish)]
struct Wish {
    /// Its name, 1 to 32 bytes.
    ssid: String,
    /// 8 to 63 characters, or 64 hexadecimal digits; none for an open network. It is kept sealed and never shown.
    #[serde(default)]
    password: Option<String>,
    /// Whether the network does not tell its name.
    #[serde(default)]
    hidden: bool,
    /// Whether it takes WPA3 alone.
    #[serde(default)]
    wpa3: bool,
}

/// Moves a device to another Wi-Fi network, for its owner; where the site is not reached from there, the device goes
/// back and the command fails with `server_not_reached`.
#[utoipa::path(post, path = "/api/devices/{id}/change-wifi", tag = "commands",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = Wish,
    responses((status = 202, description = "Queued", body = Command), (status = 400), (status = 401),
        (status = 403), (status = 404), (status = 409), (status = 422)))]
async fn change(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(wish): Body<Wish>,
) -> Result<(StatusCode, Json<Command>), Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    let network = wifi::network(wish.ssid, wish.password, wish.hidden, wish.wpa3)?;
    let queued = wifi::change(&state.services, &owner, &network).await?;
    Ok((StatusCode::ACCEPTED, Json(queued)))
}
