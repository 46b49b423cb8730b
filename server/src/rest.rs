//! The JSON interface of the wire, and the OpenAPI document that describes it.

mod auth;
mod commands;
mod devices;
mod finding;
mod health;
pub(crate) mod problem;
mod telemetry;
mod twin;
mod users;

use axum::{Router, routing::get};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Madang",
        description = "Devices, people and rooms of one site. Errors are problem+json (RFC 9457) with a stable `type`.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme,
        };
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}

/// Every route of the interface, its document, and a page to browse it.
pub(crate) fn router() -> Router<AppState> {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(auth::router())
        .merge(users::router())
        .merge(devices::router())
        .merge(finding::router())
        .merge(telemetry::router())
        .merge(commands::router())
        .merge(twin::router())
        .merge(health::router())
        .split_for_parts();
    router
        .merge(SwaggerUi::new("/api/docs").url("/api/openapi.json", document))
        .route(
            "/api",
            get(async || axum::response::Redirect::to("/api/docs")),
        )
        .route(
            "/api/{*unknown}",
            get(async || problem::Refusal(domain::AppError::NotFound)),
        )
}
