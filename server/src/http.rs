//! The HTTP listeners and what stands before every handler.

mod guard;
mod pages;
mod prompt;
mod uploads;
mod who;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, State, ws::WebSocketUpgrade},
    http::{HeaderMap, StatusCode},
    middleware,
    response::Response,
    routing::get,
};
use axum_server::{Handle, accept::NoDelayAcceptor, tls_rustls::RustlsConfig};
use futures::FutureExt as _;
use service::accounts::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, CompressionLevel},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

pub(crate) use who::{Signed, SignedAny, SignedDevice};

use crate::{rest, state::AppState};

const MAX_BODY_BYTES: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);

/// Serves both listeners until `stop`.
pub(crate) fn serve(
    tasks: &mut JoinSet<Result<(), String>>,
    state: AppState,
    plain: TcpListener,
    (secure, tls): (TcpListener, rustls::ServerConfig),
    stop: &CancellationToken,
) -> std::io::Result<()> {
    let tls = RustlsConfig::from_config(Arc::new(tls));
    let router = router(state);
    let over_tls = router.clone().layer(Extension(who::OverTls));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let over_tls = over_tls.into_make_service_with_connect_info::<SocketAddr>();

    let handle = Handle::new();
    // A change on its way to a page must not wait until the one before it was acknowledged.
    let plain = axum_server::from_tcp(plain)?.acceptor(NoDelayAcceptor::new());
    let secure = axum_server::from_tcp_rustls(secure, tls)?
        .map(|over_tls| over_tls.acceptor(NoDelayAcceptor::new()));
    let plain = prompt::bounded(plain.handle(handle.clone()));
    let secure = prompt::bounded(secure.handle(handle.clone()));
    tasks.spawn(async move { plain.serve(service).await.map_err(|e| e.to_string()) });
    tasks.spawn(async move { secure.serve(over_tls).await.map_err(|e| e.to_string()) });
    let stop = stop.clone();
    tasks.spawn(async move {
        stop.cancelled().await;
        handle.graceful_shutdown(Some(GRACE));
        Ok(())
    });
    Ok(())
}

fn router(state: AppState) -> Router {
    let dynamic = Router::new()
        .merge(pages::router(&state))
        .merge(rest::router())
        .merge(uploads::router())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn_with_state(state.clone(), who::identify))
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn(guard::without_nul));
    let live = Router::new()
        .route("/live", get(live))
        .layer(middleware::from_fn_with_state(state.clone(), who::identify))
        .layer(middleware::from_fn(guard::same_origin));
    Router::new()
        .merge(dynamic)
        .merge(live)
        .merge(pages::files(&state))
        .layer(middleware::from_fn(guard::headers))
        .layer(middleware::from_fn(guard::request_id))
        .layer(CatchPanicLayer::new())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(state)
}

/// Longest message of a browser, in bytes: a list of 200 devices fits.
const MAX_LIVE_BYTES: usize = 16 * 1024;

/// The live connection of one tab.
async fn live(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(MAX_LIVE_BYTES)
        .on_upgrade(async move |socket| {
            let asked = Arc::new((state.services.clone(), headers, client));
            let still = move || {
                let asked = asked.clone();
                async move {
                    let (services, headers, client) = &*asked;
                    who::actor(services, headers, client).await.ok().flatten()
                }
                .boxed()
            };
            state.hub.serve(socket, actor, still).await;
        })
}
