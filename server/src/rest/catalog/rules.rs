//! `/api/device-configs`: which pins of which hardware a type of component may be wired to.
//!
//! The last part of the address is a model where rules are listed, and a rule where one is changed.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError,
    catalog::{DefaultState, PinMode, PinRule, Wiring},
};
use serde::{Deserialize, Serialize};
use service::catalog::rules;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::Signed,
    rest::{
        problem::{Body, Path, Refusal},
        word::optional,
    },
    state::AppState,
};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(list, update, remove))
        .routes(routes!(restore))
}

/// What a pin rule says.
#[derive(Serialize, Deserialize, ToSchema)]
struct RuleBody {
    /// `4B`, `5`, `pc`, …
    hardware_version: String,
    /// `Standard` where none is given.
    #[serde(default = "standard")]
    hardware_variant: String,
    /// The type of component.
    component_type: String,
    /// The GPIO number; none where the component needs no pin.
    #[serde(default)]
    pin_number: Option<i32>,
    /// `IN`, `OUT`, `PWM`, `I2C` or `ONEWIRE`.
    #[serde(default)]
    pin_mode: Option<String>,
    /// `ON`, `OFF`, `HIGH` or `LOW`, for an output.
    #[serde(default)]
    default_state: Option<String>,
    /// Words for a person.
    #[serde(default)]
    description: Option<String>,
}

fn standard() -> String {
    "Standard".to_owned()
}

/// A pin rule.
#[derive(Serialize, ToSchema)]
struct RuleAnswer {
    /// Its id.
    id: i64,
    #[serde(flatten)]
    rule: RuleBody,
}

impl From<PinRule> for RuleAnswer {
    fn from(rule: PinRule) -> Self {
        let PinRule { id, wiring } = rule;
        Self {
            id,
            rule: RuleBody {
                hardware_version: wiring.hardware_version,
                hardware_variant: wiring.hardware_variant,
                component_type: wiring.component_type.to_string(),
                pin_number: wiring.pin_number,
                pin_mode: wiring.pin_mode.map(|mode| mode.as_str().to_owned()),
                default_state: wiring.default_state.map(|state| state.as_str().to_owned()),
                description: wiring.description,
            },
        }
    }
}

impl RuleBody {
    fn checked(self) -> Result<Wiring, AppError> {
        Ok(Wiring {
            component_type: self
                .component_type
                .parse()
                .map_err(|_| AppError::invalid("component_type", "unknown_component_type"))?,
            pin_mode: optional("pin_mode", self.pin_mode.as_deref(), PinMode::parse)?,
            default_state: optional(
                "default_state",
                self.default_state.as_deref(),
                DefaultState::parse,
            )?,
            hardware_version: self.hardware_version,
            hardware_variant: self.hardware_variant,
            pin_number: self.pin_number,
            description: self.description,
        })
    }
}

/// The pin rules of one model, in the order in which pins are given.
#[utoipa::path(get, path = "/api/device-configs/{id}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "The model")),
    responses((status = 200, body = Vec<RuleAnswer>), (status = 401), (status = 404)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(version): Path<String>,
) -> Result<Json<Vec<RuleAnswer>>, Refusal> {
    let all = rules::of_version(&state.services, &actor, &version).await?;
    Ok(Json(all.into_iter().map(RuleAnswer::from).collect()))
}

/// Adds a pin rule.
#[utoipa::path(post, path = "/api/device-configs", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    request_body = RuleBody,
    responses((status = 201, body = RuleAnswer), (status = 400), (status = 401), (status = 403),
        (status = 409, description = "There is such a rule"), (status = 422)))]
async fn create(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<RuleBody>,
) -> Result<(StatusCode, Json<RuleAnswer>), Refusal> {
    let admin = actor.require_admin()?;
    let made = rules::create(&state.services, &admin, body.checked()?).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Changes a pin rule.
#[utoipa::path(put, path = "/api/device-configs/{id}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The rule")),
    request_body = RuleBody,
    responses((status = 200, body = RuleAnswer), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409, description = "Components are wired by it; the detail names them"),
        (status = 422)))]
async fn update(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
    Body(body): Body<RuleBody>,
) -> Result<Json<RuleAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let changed = rules::update(&state.services, &admin, id, body.checked()?).await?;
    Ok(Json(changed.into()))
}

/// Deletes a pin rule by which nothing is wired.
#[utoipa::path(delete, path = "/api/device-configs/{id}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The rule")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Components are wired by it; the detail names them")))]
async fn remove(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    rules::delete(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted pin rule back.
#[utoipa::path(post, path = "/api/device-configs/{id}/restore", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The rule")),
    responses((status = 200, body = RuleAnswer), (status = 401), (status = 403), (status = 404),
        (status = 422, description = "Its hardware or its type is gone; the detail says which")))]
async fn restore(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<Json<RuleAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let back = rules::restore(&state.services, &admin, id).await?;
    Ok(Json(back.into()))
}
