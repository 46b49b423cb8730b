//! Who sends a request: by session cookie, bearer token or API key; and from where.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use domain::{AppError, DeviceId};
use service::{
    Actor, Services,
    accounts::{
        self, Client, api_key,
        token::{self, TokenDevice},
    },
};

use crate::{config::Http, rest::problem::Refusal, state::AppState};

/// Marks a request that came over TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverTls;

/// A person who is signed in; a request without one is refused.
#[derive(Debug)]
pub(crate) struct Signed(pub Actor);

/// A device by its own token.
#[derive(Debug)]
pub(crate) struct SignedDevice(pub TokenDevice);

/// A person who is signed in, or a device by its own token.
#[derive(Debug)]
pub(crate) enum SignedAny {
    Person(Actor),
    Device(DeviceId),
}

impl FromRequestParts<AppState> for SignedAny {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        if let Some(actor) = parts.extensions.get::<Actor>() {
            return Ok(Self::Person(actor.clone()));
        }
        let SignedDevice(device) = SignedDevice::from_request_parts(parts, state).await?;
        Ok(Self::Device(device.device))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let actor = parts.extensions.get::<Actor>().cloned();
        actor.map(Self).ok_or(Refusal(AppError::SignedOut))
    }
}

impl FromRequestParts<AppState> for SignedDevice {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let bearer = bearer(&parts.headers).ok_or(Refusal(AppError::SignedOut))?;
        let device = token::device_of_token(&state.services, bearer).await;
        device.map(Self).map_err(Refusal)
    }
}

/// Puts [`Client`] and, after refusing what comes over the network without TLS, where somebody is signed in, [`Actor`] into the request.
pub(super) async fn identify(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    let over_tls = request.extensions().get::<OverTls>().is_some();
    let proxied = peer.is_some_and(|peer| state.http.trusted_proxies.contains(&peer));
    let secure = match proxied {
        true => {
            text(
                request.headers(),
                HeaderName::from_static("x-forwarded-proto"),
            ) == Some("https")
        }
        false => over_tls,
    };
    if !over_tls && !proxied && !peer.is_some_and(|peer| peer.is_loopback()) {
        tracing::warn!(target: "security", ?peer, "a request without TLS was refused");
        return Refusal(AppError::Forbidden).into_response();
    }
    let client = Client {
        secure,
        address: address(request.headers(), peer, &state.http),
        user_agent: text(request.headers(), header::USER_AGENT)
            .map(|agent| agent.chars().take(200).collect()),
    };
    match actor(&state.services, request.headers(), &client).await {
        Ok(Some(actor)) => {
            request.extensions_mut().insert(actor);
        }
        Ok(None) => {}
        Err(error @ (AppError::Internal { .. } | AppError::Unavailable)) => {
            return Refusal(error).into_response();
        }
        // A token that has ended is no token: what needs one says so.
        Err(_) => {}
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Who sends these headers; `None` where they name nobody.
pub(super) async fn actor(
    services: &Services,
    headers: &HeaderMap,
    client: &Client,
) -> Result<Option<Actor>, AppError> {
    if let Some(bearer) = bearer(headers) {
        return token::actor_of_token(services, bearer, client)
            .await
            .map(Some);
    }
    if let Some(key) = api_key(headers) {
        return api_key::actor_of_key(services, key, client).await.map(Some);
    }
    match session_cookie(headers) {
        Some(session) => accounts::actor_of_session(services, session, client).await,
        None => Ok(None),
    }
}

/// Whether [`actor`] is who a token or a key says, and no cookie is looked at.
pub(super) fn by_token(headers: &HeaderMap) -> bool {
    bearer(headers).is_some() || api_key(headers).is_some()
}

fn api_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key")?.to_str().ok()
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == app::session::SESSION_COOKIE).then_some(value))
        .filter(|value| !value.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::trim)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The last address before the trusted proxies: what a client writes into the header is not believed.
fn address(headers: &HeaderMap, peer: Option<IpAddr>, http: &Http) -> Option<String> {
    let mut address = peer?;
    if http.trusted_proxies.contains(&address) {
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join(",");
        for hop in forwarded.rsplit(',') {
            let Ok(hop) = hop.trim().parse() else { break };
            address = hop;
            if !http.trusted_proxies.contains(&hop) {
                break;
            }
        }
    }
    Some(address.to_string())
}
