//! `/api/users/me`: one's own account.

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use service::accounts::{self, Client, api_key, profile};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(me, rename, leave))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
}

/// The person behind the request.
#[derive(Serialize, ToSchema)]
struct MeAnswer {
    /// Their id.
    id: Uuid,
    /// Their address.
    email: String,
    /// What they are called.
    name: String,
    /// `prime_admin`, `general_admin`, `developer` or `member`.
    role: String,
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/users/me", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = MeAnswer), (status = 401, description = "Not signed in")))]
async fn me(Signed(actor): Signed) -> Json<MeAnswer> {
    Json(MeAnswer {
        id: actor.user.id.0,
        email: actor.user.email.to_string(),
        name: actor.user.name,
        role: actor.user.role.as_str().to_owned(),
    })
}

#[derive(Deserialize, ToSchema)]
struct Change {
    /// What to be called.
    name: String,
}

/// Changes what one is called.
#[utoipa::path(put, path = "/api/users/me", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 204, description = "Changed"), (status = 401), (status = 422)))]
async fn rename(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(change): Body<Change>,
) -> Result<StatusCode, Refusal> {
    profile::rename(&state.services, &actor, &change.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Leaving {
    /// One's own password: a token alone must not delete an account.
    password: String,
}

/// Deletes one's own account. One's devices are given up: their secrets are void and they wait to be
/// claimed.
#[utoipa::path(delete, path = "/api/users/me", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 204, description = "Deleted"), (status = 401),
        (status = 409, description = "The last prime administrator"),
        (status = 422, description = "Not the password"), (status = 429)))]
async fn leave(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Extension(client): Extension<Client>,
    Body(leaving): Body<Leaving>,
) -> Result<StatusCode, Refusal> {
    accounts::delete_account(&state.services, &actor, &client, &leaving.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An API key, never the key itself.
#[derive(Serialize, ToSchema)]
struct KeyAnswer {
    /// Its id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// When it was made, in milliseconds since the epoch.
    created_at: i64,
    /// When it was last used.
    last_used_at: Option<i64>,
}

/// The API keys that work.
#[utoipa::path(get, path = "/api/users/me/keys", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<KeyAnswer>), (status = 401)))]
async fn list_keys(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<KeyAnswer>>, Refusal> {
    let keys = api_key::list(&state.services, &actor).await?;
    let answer = keys.into_iter().map(|key| KeyAnswer {
        id: key.id,
        name: key.name,
        created_at: key.created_at.0,
        last_used_at: key.last_used_at.map(|at| at.0),
    });
    Ok(Json(answer.collect()))
}

/// A new key, shown once.
#[derive(Serialize, ToSchema)]
struct NewKey {
    /// For `X-API-Key`.
    key: String,
}

/// Makes an API key.
#[utoipa::path(post, path = "/api/users/me/keys", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 201, body = NewKey), (status = 401), (status = 422)))]
async fn create_key(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(wish): Body<Change>,
) -> Result<(StatusCode, Json<NewKey>), Refusal> {
    let key = api_key::create(&state.services, &actor, &wish.name).await?;
    Ok((StatusCode::CREATED, Json(NewKey { key })))
}

/// Ends an API key.
#[utoipa::path(delete, path = "/api/users/me/keys/{id}", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = Uuid, Path, description = "The key")),
    responses((status = 204), (status = 401), (status = 404)))]
async fn revoke_key(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Refusal> {
    api_key::revoke(&state.services, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
