//! `/auth`: accounts and tokens.

pub(crate) mod device;

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use service::accounts::{self, Client, NewAccount, token};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Refusal};
use crate::state::AppState;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .merge(device::router())
}

/// What a client of the interface is given.
#[derive(Serialize, ToSchema)]
struct TokenAnswer {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Gives new tokens, once.
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token works.
    expires_in: i64,
}

impl From<token::Tokens> for TokenAnswer {
    fn from(tokens: token::Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct Registration {
    /// The address.
    email: String,
    /// What to call them.
    name: String,
    /// 10 to 200 characters.
    password: String,
    /// The code of an invitation, where one is needed.
    #[serde(default)]
    invitation: Option<String>,
}

/// Makes an account.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Registration,
    responses(
    (status = 201, description = "The account was made", body = TokenAnswer),
    (status = 422, description = "An input was refused"),
    (status = 429, description = "Too many tries or accounts; `Retry-After` says when to come again"),
))]
async fn register(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Body(body): Body<Registration>,
) -> Result<(StatusCode, Json<TokenAnswer>), Refusal> {
    let account = NewAccount {
        email: body.email,
        name: body.name,
        password: body.password,
    };
    let code = body.invitation.as_deref();
    let services = &state.services;
    let tokens = accounts::register_for_tokens(services, code, account, &client).await?;
    Ok((StatusCode::CREATED, Json(tokens.into())))
}

#[derive(Deserialize, ToSchema)]
struct Login {
    /// The address.
    email: String,
    /// The password.
    password: String,
}

/// Signs in; five wrong tries a minute.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login,
    responses(
    (status = 200, description = "Signed in", body = TokenAnswer),
    (status = 422, description = "Wrong address or password"),
    (status = 429, description = "Too many wrong tries; `Retry-After` says when to come again"),
))]
async fn login(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Body(body): Body<Login>,
) -> Result<Json<TokenAnswer>, Refusal> {
    let tokens = token::log_in(&state.services, &body.email, &body.password, &client).await?;
    Ok(Json(tokens.into()))
}

#[derive(Deserialize, ToSchema)]
struct RefreshToken {
    /// As it was given.
    refresh_token: String,
}

/// Gives new tokens for a refresh token, which is then used up.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshToken,
    responses(
    (status = 200, description = "New tokens", body = TokenAnswer),
    (status = 401, description = "It was used before, or has ended"),
))]
async fn refresh(
    State(state): State<AppState>,
    Body(body): Body<RefreshToken>,
) -> Result<Json<TokenAnswer>, Refusal> {
    let tokens = token::refresh(&state.services, &body.refresh_token).await?;
    Ok(Json(tokens.into()))
}

/// Ends a refresh token and all that came of it.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = RefreshToken,
    responses(
    (status = 204, description = "It works no more"),
))]
async fn logout(
    State(state): State<AppState>,
    Body(body): Body<RefreshToken>,
) -> Result<StatusCode, Refusal> {
    token::log_out(&state.services, &body.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}
