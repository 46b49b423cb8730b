//! The interface: server-rendered pages, their server functions, and the files beside them.

use app::{App, session::Unread, shell};
use axum::{
    Router,
    body::Bytes,
    extract::{FromRequest as _, Request, State},
    http::{HeaderName, HeaderValue, Method, header, request::Parts},
    middleware,
    response::{IntoResponse as _, Response},
    routing::any,
};
use leptos::{
    nonce::use_nonce,
    prelude::{provide_context, use_context},
};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use service::{Actor, accounts::Client, notices};
use tower::ServiceBuilder;
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

use super::guard;
use crate::{rest::problem::refused_body, state::AppState};

/// Pages and server functions.
pub(super) fn router(state: &AppState) -> Router<AppState> {
    let routes = generate_route_list(App);
    let options = state.leptos.clone();
    let services = state.services.clone();
    Router::new()
        .route("/do/{*name}", any(server_function))
        .leptos_routes_with_context(
            state,
            routes,
            move || {
                provide_context(services.clone());
                provide_who();
                set_content_security_policy();
            },
            move || shell(options.clone()),
        )
        .layer(middleware::from_fn_with_state(state.clone(), said))
        .layer(middleware::from_fn_with_state(state.clone(), front_door))
}

/// The interface's files. Their names carry no hash, so browsers ask whether they changed.
pub(super) fn files(state: &AppState) -> Router<AppState> {
    let files = ServeDir::new(state.leptos.site_root.as_ref())
        .precompressed_br()
        .precompressed_gzip()
        .append_index_html_on_directories(false)
        .not_found_service(unknown_address(state));
    let service = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=0, must-revalidate"),
        ))
        .service(files);
    Router::new().fallback_service(service)
}

/// The interface's own page for an address that is none; the caller answers 404 with it.
fn unknown_address(state: &AppState) -> Router {
    let options = state.leptos.clone();
    let services = state.services.clone();
    let render = leptos_axum::render_app_async_with_context(
        move || {
            provide_context(services.clone());
            provide_who();
            set_content_security_policy();
        },
        move || shell(options.clone()),
    );
    Router::new()
        .fallback(render)
        .layer(middleware::from_fn_with_state(
            state.clone(),
            super::who::identify,
        ))
}

/// Programs that ask for JSON at the front door are told what this is and where its interface is described.
async fn front_door(
    State(state): State<AppState>,
    mut request: Request,
    next: middleware::Next,
) -> Response {
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if request.uri().path() == "/" && accept.starts_with("application/json") {
        let about = serde_json::json!({
            "name": "Madang",
            "version": env!("CARGO_PKG_VERSION"),
            "openapi": "/api/openapi.json",
            "documentation": "/api/docs",
        });
        return axum::Json(about).into_response();
    }
    if request.method() == Method::GET
        && let Some(actor) = request.extensions().get::<Actor>().cloned()
        && let Ok(unread) = notices::unread(&state.services, &actor).await
    {
        let unread = Unread(u32::try_from(unread).unwrap_or(u32::MAX));
        request.extensions_mut().insert(unread);
    }
    next.run(request).await
}

/// Server functions would read what they are sent without an end, and take U+0000 in it: both are refused.
async fn said(State(state): State<AppState>, request: Request, next: middleware::Next) -> Response {
    if !request.uri().path().starts_with("/do/") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let body = match Bytes::from_request(request, &state).await {
        Ok(body) => body,
        Err(refused) => return refused_body(refused.status(), refused.body_text()),
    };
    if guard::has_nul_in_body(&body) {
        return guard::nul_in("form");
    }
    next.run(Request::from_parts(parts, body.into())).await
}

/// Answers for the names of server functions that there are none of; the others have routes of their own.
async fn server_function(State(state): State<AppState>, request: Request) -> Response {
    let services = state.services.clone();
    let response = leptos_axum::handle_server_fns_with_context(
        move || {
            provide_context(services.clone());
            provide_who();
        },
        request,
    );
    response.await.into_response()
}

/// What the request's way in has found out.
fn provide_who() {
    let Some(parts) = use_context::<Parts>() else {
        return;
    };
    if let Some(client) = parts.extensions.get::<Client>() {
        provide_context(client.clone());
    }
    if let Some(actor) = parts.extensions.get::<Actor>() {
        provide_context(actor.clone());
    }
    if let Some(unread) = parts.extensions.get::<Unread>() {
        provide_context(*unread);
    }
}

/// Only this page's own scripts run, and nothing is asked of another origin.
fn set_content_security_policy() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.insert_header(
        HeaderName::from_static("cache-control"),
        HeaderValue::from_static("no-store"),
    );
}
