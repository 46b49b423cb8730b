//! `/api/components`: what there is to attach.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, ComponentType,
    catalog::{CatalogComponent, ComponentMetadata},
    component::ComponentCategory,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::catalog::types;
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
        .routes(routes!(list, create))
        .routes(routes!(update, remove))
        .routes(routes!(restore))
}

/// A type of component.
#[derive(Serialize, ToSchema)]
struct TypeAnswer {
    /// Its name in topics and state.
    component_type: String,
    /// What to call it; in Korean.
    display_name: String,
    /// What to call it, in Korean.
    display_name_ko: String,
    /// What to call it, in English.
    display_name_en: String,
    /// `sensor`, `actuator` or `internal_module`.
    category: String,
    /// `temperature`, `humidity`, `status`, …
    telemetry_category: Option<String>,
    /// Words for a person.
    description: Option<String>,
    /// `{icon, values: [{name, label_ko, label_en, unit, icon}], default_state, i2c_addresses, reporting}` and
    /// whatever else was noted.
    #[schema(value_type = Object)]
    component_metadata: Value,
}

impl TypeAnswer {
    fn of(kind: CatalogComponent) -> Result<Self, Refusal> {
        Ok(Self {
            component_type: kind.component_type.to_string(),
            display_name: kind.display_name_ko.clone(),
            display_name_ko: kind.display_name_ko,
            display_name_en: kind.display_name_en,
            category: kind.category.as_str().to_owned(),
            telemetry_category: kind.telemetry_category,
            description: kind.description,
            component_metadata: serde_json::to_value(kind.metadata).map_err(service::internal)?,
        })
    }
}

/// A type as it is to be.
#[derive(Deserialize, ToSchema)]
struct TypeBody {
    /// `[a-z][a-z0-9_]{0,31}`; left out where the address names it.
    #[serde(default)]
    component_type: Option<String>,
    /// What to call it, where both languages call it the same.
    #[serde(default)]
    display_name: Option<String>,
    /// What to call it, in Korean.
    #[serde(default)]
    display_name_ko: Option<String>,
    /// What to call it, in English.
    #[serde(default)]
    display_name_en: Option<String>,
    /// `sensor`, `actuator` or `internal_module`.
    category: String,
    /// `temperature`, `humidity`, `status`, …
    #[serde(default)]
    telemetry_category: Option<String>,
    /// Words for a person.
    #[serde(default)]
    description: Option<String>,
    /// Units, icon, defaults.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    component_metadata: Option<Value>,
}

impl TypeBody {
    fn checked(self, named: Option<ComponentType>) -> Result<CatalogComponent, AppError> {
        let own = match self.component_type.as_deref() {
            None => None,
            Some(name) => Some(
                name.parse()
                    .map_err(|_| AppError::invalid("component_type", "type_name"))?,
            ),
        };
        let component_type = match (named, own) {
            (Some(named), Some(own)) if named != own => {
                return Err(AppError::invalid("component_type", "type_name_stays"));
            }
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => return Err(AppError::invalid("component_type", "required")),
        };
        let category = optional("category", Some(&self.category), ComponentCategory::parse)?
            .ok_or_else(|| AppError::invalid("category", "required"))?;
        let metadata = match self.component_metadata {
            None | Some(Value::Null) => ComponentMetadata::default(),
            Some(metadata) => serde_json::from_value(metadata)
                .map_err(|error| AppError::invalid("component_metadata", error.to_string()))?,
        };
        let same = self.display_name;
        let name = |own: Option<String>| own.or_else(|| same.clone()).unwrap_or_default();
        Ok(CatalogComponent {
            component_type,
            display_name_ko: name(self.display_name_ko),
            display_name_en: name(self.display_name_en),
            category,
            telemetry_category: self.telemetry_category,
            description: self.description,
            metadata,
        })
    }
}

/// Every type of component that may be attached.
#[utoipa::path(get, path = "/api/components", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<TypeAnswer>), (status = 401)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<TypeAnswer>>, Refusal> {
    let all = types::list(&state.services, &actor).await?;
    Ok(Json(
        all.into_iter()
            .map(TypeAnswer::of)
            .collect::<Result<_, _>>()?,
    ))
}

/// Adds a type of component.
#[utoipa::path(post, path = "/api/components", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    request_body = TypeBody,
    responses((status = 201, body = TypeAnswer), (status = 400), (status = 401), (status = 403),
        (status = 409, description = "It is known, or it fills a state key that another type fills"),
        (status = 422)))]
async fn create(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<TypeBody>,
) -> Result<(StatusCode, Json<TypeAnswer>), Refusal> {
    let admin = actor.require_admin()?;
    let made = types::create(&state.services, &admin, body.checked(None)?).await?;
    Ok((StatusCode::CREATED, Json(TypeAnswer::of(made)?)))
}

/// Changes a type of component.
#[utoipa::path(put, path = "/api/components/{component_type}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("component_type" = String, Path, description = "The type")),
    request_body = TypeBody,
    responses((status = 200, body = TypeAnswer), (status = 400), (status = 401), (status = 403),
        (status = 404), (status = 409), (status = 422)))]
async fn update(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(kind): Path<ComponentType>,
    Body(body): Body<TypeBody>,
) -> Result<Json<TypeAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let wish = body.checked(Some(kind))?;
    let changed = types::update(&state.services, &admin, wish).await?;
    Ok(Json(TypeAnswer::of(changed)?))
}

/// Deletes a type of component with its pin rules.
#[utoipa::path(delete, path = "/api/components/{component_type}", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("component_type" = String, Path, description = "The type")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It is attached somewhere; the detail names where")))]
async fn remove(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(kind): Path<ComponentType>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    types::delete(&state.services, &admin, &kind).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted type back, with the pin rules that went with it.
#[utoipa::path(post, path = "/api/components/{component_type}/restore", tag = "catalog",
    security(("bearer" = []), ("api_key" = [])),
    params(("component_type" = String, Path, description = "The type")),
    responses((status = 200, body = TypeAnswer), (status = 401), (status = 403), (status = 404), (status = 409)))]
async fn restore(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(kind): Path<ComponentType>,
) -> Result<Json<TypeAnswer>, Refusal> {
    let admin = actor.require_admin()?;
    let back = types::restore(&state.services, &admin, &kind).await?;
    Ok(Json(TypeAnswer::of(back)?))
}
