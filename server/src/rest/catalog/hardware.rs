//! `/api/hardware-versions` and `/api/hardware-variants`: what devices are made of.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError,
    catalog::{HardwareVariant, HardwareVersion, PinHeader},
    device::DeviceKind,
};
use serde::{Deserialize, Serialize};
use service::catalog::hardware;
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
        .routes(routes!(versions, create_version))
        .routes(routes!(update_version, remove_version))
        .routes(routes!(restore_version))
        .routes(routes!(variants, create_variant))
        .routes(routes!(update_variant, remove_variant))
        .routes(routes!(restore_variant))
}

/// A model of board or computer.
#[derive(Serialize, Deserialize, ToSchema)]
struct VersionBody {
    /// `4B`, `5`, `pc`, …
    #[serde(default)]
    version: String,
    /// What it is called.
    name: String,
    /// `board` or `computer`.
    kind: String,
    /// `j8` (the 40 pins of a Raspberry Pi), `numbered` or `none`.
    header: String,
    /// Words for a person.
    #[serde(default)]
    description: Option<String>,
}

impl VersionBody {
    fn of(version: HardwareVersion) -> Self {
        Self {
            version: version.version,
            name: version.name,
            kind: version.kind.as_str().to_owned(),
            header: version.header.as_str().to_owned(),
            description: version.description,
        }
    }

    fn checked(self) -> Result<HardwareVersion, AppError> {
        let required = |field| AppError::invalid(field, "required");
        Ok(HardwareVersion {
            kind: optional("kind", Some(&self.kind), DeviceKind::parse)?
                .ok_or_else(|| required("kind"))?,
            header: optional("header", Some(&self.header), PinHeader::parse)?
                .ok_or_else(|| required("header"))?,
            version: self.version,
            name: self.name,
            description: self.description,
        })
    }
}

/// A variant.
#[derive(Serialize, ToSchema)]
struct VariantAnswer {
    /// Its id.
    id: i64,
    /// `Standard`, `Pro`, …
    name: String,
    /// Words for a person.
    description: Option<String>,
}

impl From<HardwareVariant> for VariantAnswer {
    fn from(variant: HardwareVariant) -> Self {
        Self {
            id: variant.id,
            name: variant.name,
            description: variant.description,
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct VariantBody {
    /// `Standard`, `Pro`, …
    name: String,
    /// Words for a person.
    #[serde(default)]
    description: Option<String>,
}

/// Every model.
#[utoipa::path(get, path = "/api/hardware-versions", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<VersionBody>), (status = 401)))]
async fn versions(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<VersionBody>>, Refusal> {
    let all = hardware::versions(&state.services, &actor).await?;
    Ok(Json(all.into_iter().map(VersionBody::of).collect()))
}

/// Adds a model.
#[utoipa::path(post, path = "/api/hardware-versions", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    request_body = VersionBody,
    responses((status = 201, body = VersionBody), (status = 400), (status = 401), (status = 403),
        (status = 409, description = "It is known"), (status = 422)))]
async fn create_version(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<VersionBody>,
) -> Result<(StatusCode, Json<VersionBody>), Refusal> {
    let admin = actor.require_admin()?;
    let made = hardware::create_version(&state.services, &admin, body.checked()?).await?;
    Ok((StatusCode::CREATED, Json(VersionBody::of(made))))
}

/// Changes a model.
#[utoipa::path(put, path = "/api/hardware-versions/{version}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("version" = String, Path, description = "The model")),
    request_body = VersionBody,
    responses((status = 200, body = VersionBody), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409, description = "Rules name pins that it would not have"), (status = 422)))]
async fn update_version(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(version): Path<String>,
    Body(mut body): Body<VersionBody>,
) -> Result<Json<VersionBody>, Refusal> {
    let admin = actor.require_admin()?;
    body.version = version;
    let changed = hardware::update_version(&state.services, &admin, body.checked()?).await?;
    Ok(Json(VersionBody::of(changed)))
}

/// Deletes a model that no device is of.
#[utoipa::path(delete, path = "/api/hardware-versions/{version}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("version" = String, Path, description = "The model")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Devices are of it; the detail names them")))]
async fn remove_version(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(version): Path<String>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    hardware::delete_version(&state.services, &admin, &version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted model back.
#[utoipa::path(post, path = "/api/hardware-versions/{version}/restore", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("version" = String, Path, description = "The model")),
    responses((status = 200, body = VersionBody), (status = 401), (status = 403), (status = 404)))]
async fn restore_version(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(version): Path<String>,
) -> Result<Json<VersionBody>, Refusal> {
    let admin = actor.require_admin()?;
    let back = hardware::restore_version(&state.services, &admin, &version).await?;
    Ok(Json(VersionBody::of(back)))
}

/// Every variant.
#[utoipa::path(get, path = "/api/hardware-variants", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<VariantAnswer>), (status = 401)))]
async fn variants(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<VariantAnswer>>, Refusal> {
    let all = hardware::variants(&state.services, &actor).await?;
    Ok(Json(all.into_iter().map(VariantAnswer::from).collect()))
}

/// Adds a variant.
#[utoipa::path(post, path = "/api/hardware-variants", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    request_body = VariantBody,
    responses((status = 201, body = VariantAnswer), (status = 400), (status = 401), (status = 403),
        (status = 409, description = "It is known"), (status = 422)))]
async fn create_variant(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<VariantBody>,
) -> Result<(StatusCode, Json<VariantAnswer>), Refusal> {
    let admin = actor.require_admin()?;
    let words = body.description.as_deref();
    let made = hardware::create_variant(&state.services, &admin, &body.name, words).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Changes a variant.
#[utoipa::path(put, path = "/api/hardware-variants/{id}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The variant")),
    request_body = VariantBody,
    responses((status = 200, body = VariantAnswer), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409, description = "Devices or rules carry its name"), (status = 422)))]
async fn update_variant(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
    Body(body): Body<VariantBody>,
) -> Result<Json<VariantAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let words = body.description.as_deref();
    let changed = hardware::update_variant(&state.services, &admin, id, &body.name, words).await?;
    Ok(Json(changed.into()))
}

/// Deletes a variant that no device is of.
#[utoipa::path(delete, path = "/api/hardware-variants/{id}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The variant")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Devices are of it; the detail names them")))]
async fn remove_variant(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    hardware::delete_variant(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted variant back.
#[utoipa::path(post, path = "/api/hardware-variants/{id}/restore", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The variant")),
    responses((status = 200, body = VariantAnswer), (status = 401), (status = 403), (status = 404)))]
async fn restore_variant(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<Json<VariantAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let back = hardware::restore_variant(&state.services, &admin, id).await?;
    Ok(Json(back.into()))
}
