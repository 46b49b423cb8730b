//! The JSON interface of the wire, and the OpenAPI document that describes it.

pub(crate) mod auth;
mod catalog;
mod commands;
mod compare;
mod components;
mod devices;
mod document;
mod finding;
mod forced;
mod health;
mod identity;
mod imports;
mod jobs;
pub(crate) mod problem;
mod sharing;
mod telemetry;
mod traffic;
mod twin;
mod users;
mod views;
mod wifi;
mod word;

use axum::{
    Router,
    routing::{any, get},
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::state::AppState;

/// Every operation of the interface, and the document that describes them.
fn interface() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(document::Frame::openapi())
        .merge(auth::router())
        .merge(users::router())
        .merge(devices::router())
        .merge(finding::router())
        .merge(views::router())
        .merge(sharing::router())
        .merge(catalog::router())
        .merge(components::router())
        .merge(imports::router())
        .merge(telemetry::router())
        .merge(compare::router())
        .merge(commands::router())
        .merge(forced::router())
        .merge(traffic::router())
        .merge(twin::router())
        .merge(wifi::router())
        .merge(identity::router())
        .merge(jobs::router())
        .merge(health::router())
        .split_for_parts();
    document::complete(&mut document);
    (router, document)
}

/// Every route of the interface, its document, and a page to browse it.
pub(crate) fn router() -> Router<AppState> {
    let (router, document) = interface();
    let nothing = || any(async || problem::Refusal(domain::AppError::NotFound));
    router
        .merge(SwaggerUi::new("/api/docs").url("/api/openapi.json", document))
        .route(
            "/api",
            get(async || axum::response::Redirect::to("/api/docs")),
        )
        // It is for the routes that are there by now: those that follow take every method.
        .method_not_allowed_fallback(problem::method_not_allowed)
        // What follows the last slash is never empty to a wildcard.
        .route("/api/", nothing())
        .route("/api/{*unknown}", nothing())
        .route("/auth", nothing())
        .route("/auth/", nothing())
        .route("/auth/{*unknown}", nothing())
}
