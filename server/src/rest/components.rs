//! `/api/components/devices/{device_id}/components`: what is attached to a device.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, DeviceId,
    catalog::{AttachedComponent, DefaultState, PinMode},
};
use serde::{Deserialize, Serialize};
use service::components::{self, Wish};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Body, Path, Refusal},
    word::optional,
};
use crate::{
    http::{Signed, SignedAny},
    state::AppState,
};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, attach))
        .routes(routes!(change, detach))
        .routes(routes!(reattach))
}

/// A component attached to a device.
#[derive(Serialize, ToSchema)]
struct DeviceComponent {
    /// Its id.
    id: i64,
    /// Its key in topics and state.
    component_key: String,
    /// Its type.
    component_type: String,
    /// The name that a person gave it.
    name: Option<String>,
    /// `sensor`, `actuator` or `internal_module`.
    category: String,
    /// The GPIO number; none where it needs no pin.
    pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, `I2C` or `ONEWIRE`.
    pin_mode: Option<String>,
    /// `ON`, `OFF`, `HIGH` or `LOW` at boot.
    default_state: Option<String>,
    /// Where it answers on a bus: `0x76`, `28-0316a2798bff`.
    address: Option<String>,
    /// When it was attached.
    attached_at: i64,
    /// When it last reported.
    last_report_at: Option<i64>,
    /// `well`, `waiting`, `silent` or `not_allowed`.
    health: String,
    /// Since when it has been silent although its device speaks.
    silent_since: Option<i64>,
}

impl From<AttachedComponent> for DeviceComponent {
    fn from(of: AttachedComponent) -> Self {
        Self {
            id: of.id,
            component_key: of.key.to_string(),
            component_type: of.component_type.to_string(),
            name: of.name,
            category: of.category.as_str().to_owned(),
            pin_number: of.pin_number,
            pin_mode: of.pin_mode.map(|mode| mode.as_str().to_owned()),
            default_state: of.default_state.map(|state| state.as_str().to_owned()),
            address: of.address,
            attached_at: of.attached_at.0,
            last_report_at: of.last_report_at.map(|at| at.0),
            health: of.health.as_str().to_owned(),
            silent_since: of.silent_since.map(|at| at.0),
        }
    }
}

/// A component as it is to be; what is left out the server chooses, or leaves.
#[derive(Deserialize, ToSchema)]
struct AttachBody {
    /// Its type; it cannot be changed.
    component_type: String,
    /// What to call it.
    #[serde(default)]
    name: Option<String>,
    /// The GPIO number; a free one that the rules allow where none is given.
    #[serde(default)]
    pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, `I2C` or `ONEWIRE`.
    #[serde(default)]
    pin_mode: Option<String>,
    /// `ON`, `OFF`, `HIGH` or `LOW`, for an output.
    #[serde(default)]
    default_state: Option<String>,
    /// Where it answers on a bus: `0x76`, `28-0316a2798bff`.
    #[serde(default)]
    address: Option<String>,
}

impl AttachBody {
    fn checked(self) -> Result<Wish, AppError> {
        Ok(Wish {
            component_type: self
                .component_type
                .parse()
                .map_err(|_| AppError::invalid("component_type", "unknown_component_type"))?,
            name: self.name,
            pin_number: self.pin_number,
            pin_mode: optional("pin_mode", self.pin_mode.as_deref(), PinMode::parse)?,
            default_state: optional(
                "default_state",
                self.default_state.as_deref(),
                DefaultState::parse,
            )?,
            address: self.address.filter(|address| !address.trim().is_empty()),
        })
    }
}

async fn one(
    state: &AppState,
    viewer: &service::ViewerOf,
    id: i64,
) -> Result<Json<DeviceComponent>, Refusal> {
    let all = components::list(&state.services, viewer).await?;
    let found = all.into_iter().find(|component| component.id == id);
    Ok(Json(found.ok_or(AppError::NotFound)?.into()))
}

/// What is attached to a device; for people who may see it, and for the device by its own token.
#[utoipa::path(get, path = "/api/components/devices/{device_id}/components", tag = "components",
    security(("bearer" = []), ("api_key" = [])),
    params(("device_id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = Vec<DeviceComponent>), (status = 401), (status = 403), (status = 404)))]
async fn list(
    State(state): State<AppState>,
    who: SignedAny,
    Path(id): Path<DeviceId>,
) -> Result<Json<Vec<DeviceComponent>>, Refusal> {
    let services = &state.services;
    let all = match who {
        SignedAny::Person(actor) => {
            let viewer = actor.require_viewer(services, id).await?;
            components::list(services, &viewer).await?
        }
        SignedAny::Device(device) if device == id => {
            components::list_for_device(services, device).await?
        }
        SignedAny::Device(_) => return Err(AppError::Forbidden.into()),
    };
    Ok(Json(all.into_iter().map(DeviceComponent::from).collect()))
}

/// Attaches a component; the server gives its key and, where none is named, a free pin that the rules allow.
#[utoipa::path(post, path = "/api/components/devices/{device_id}/components", tag = "components",
    security(("bearer" = []), ("api_key" = [])),
    params(("device_id" = uuid::Uuid, Path, description = "The device")),
    request_body = AttachBody,
    responses((status = 201, body = DeviceComponent), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "The pin or address is taken or not allowed; the detail says by what"),
        (status = 422)))]
async fn attach(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<AttachBody>,
) -> Result<(StatusCode, Json<DeviceComponent>), Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    let made = components::attach(&state.services, &owner, body.checked()?).await?;
    let viewer = actor.require_viewer(&state.services, id).await?;
    Ok((StatusCode::CREATED, one(&state, &viewer, made).await?))
}

/// Changes a component's name, pin, mode, default state or address.
#[utoipa::path(put, path = "/api/components/devices/{device_id}/components/{component_id}", tag = "components",
    security(("bearer" = []), ("api_key" = [])),
    params(("device_id" = uuid::Uuid, Path, description = "The device"),
        ("component_id" = i64, Path, description = "The component")),
    request_body = AttachBody,
    responses((status = 200, body = DeviceComponent), (status = 400), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "The pin or address is taken or not allowed; the detail says by what"),
        (status = 422)))]
async fn change(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, i64)>,
    Body(body): Body<AttachBody>,
) -> Result<Json<DeviceComponent>, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    components::change(&state.services, &owner, component, body.checked()?).await?;
    let viewer = actor.require_viewer(&state.services, id).await?;
    one(&state, &viewer, component).await
}

/// Detaches a component: its reports are refused from now on, its history stays.
#[utoipa::path(delete, path = "/api/components/devices/{device_id}/components/{component_id}", tag = "components",
    security(("bearer" = []), ("api_key" = [])),
    params(("device_id" = uuid::Uuid, Path, description = "The device"),
        ("component_id" = i64, Path, description = "The component")),
    responses((status = 204), (status = 401), (status = 403), (status = 404)))]
async fn detach(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, i64)>,
) -> Result<StatusCode, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    components::detach(&state.services, &owner, component).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a detached component back under its own key.
#[utoipa::path(post, path = "/api/components/devices/{device_id}/components/{component_id}/restore", tag = "components",
    security(("bearer" = []), ("api_key" = [])),
    params(("device_id" = uuid::Uuid, Path, description = "The device"),
        ("component_id" = i64, Path, description = "The component")),
    responses((status = 200, body = DeviceComponent), (status = 401), (status = 403), (status = 404), (status = 409),
        (status = 422, description = "Its type is gone")))]
async fn reattach(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, component)): Path<(DeviceId, i64)>,
) -> Result<Json<DeviceComponent>, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    components::reattach(&state.services, &owner, component).await?;
    let viewer = actor.require_viewer(&state.services, id).await?;
    one(&state, &viewer, component).await
}
