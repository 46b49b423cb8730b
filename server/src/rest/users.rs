//! `/api/users/me`: one's own account.

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use service::accounts::{self, Client, address, api_key, apps, profile};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(me, rename, leave))
        .routes(routes!(move_to))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
        .routes(routes!(list_apps, add_app))
        .routes(routes!(revoke_app))
        .routes(routes!(renew_app))
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
    request_body = Change,
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
struct NewAddress {
    /// The new address.
    email: String,
    /// One's own password: a token alone must not take an account over.
    password: String,
}

/// Changes one's own address. One's devices are told; what they report under the former address is taken
/// for 30 days. One's apps connect anew and subscribe under the new one.
#[utoipa::path(put, path = "/api/users/me/email", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    request_body = NewAddress,
    responses((status = 204, description = "Changed"), (status = 401),
        (status = 422, description = "Not an address, taken, or not the password"), (status = 429)))]
async fn move_to(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Extension(client): Extension<Client>,
    Body(wish): Body<NewAddress>,
) -> Result<StatusCode, Refusal> {
    address::change(
        &state.services,
        &actor,
        &client,
        &wish.password,
        &wish.email,
    )
    .await?;
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
    request_body = Leaving,
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

/// A new key, shown once, and how it is listed.
#[derive(Serialize, ToSchema)]
struct NewKey {
    /// For `X-API-Key`.
    key: String,
    /// Its id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// When it was made, in milliseconds since the epoch.
    created_at: i64,
    /// When it was last used: not yet.
    last_used_at: Option<i64>,
}

/// Makes an API key.
#[utoipa::path(post, path = "/api/users/me/keys", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Change,
    responses((status = 201, body = NewKey), (status = 401),
        (status = 409, description = "The person has 50 keys"), (status = 422)))]
async fn create_key(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(wish): Body<Change>,
) -> Result<(StatusCode, Json<NewKey>), Refusal> {
    let made = api_key::create(&state.services, &actor, &wish.name).await?;
    let answer = NewKey {
        key: made.key,
        id: made.listed.id,
        name: made.listed.name,
        created_at: made.listed.created_at.0,
        last_used_at: made.listed.last_used_at.map(|at| at.0),
    };
    Ok((StatusCode::CREATED, Json(answer)))
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

/// An installation of an app.
#[derive(Serialize, ToSchema)]
struct AppAnswer {
    /// Its id: the serial number of its first certificate.
    id: String,
    /// What it is called.
    name: String,
    /// When it was admitted, in milliseconds since the epoch.
    created_at: i64,
    /// When its newest certificate ends.
    expires_at: i64,
}

/// The apps that may connect to the broker for this person.
#[utoipa::path(get, path = "/api/users/me/apps", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Vec<AppAnswer>), (status = 401)))]
async fn list_apps(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Vec<AppAnswer>>, Refusal> {
    let apps = apps::list(&state.services, &actor).await?;
    let answer = apps.into_iter().map(|app| AppAnswer {
        id: app.id,
        name: app.name,
        created_at: app.created_at.0,
        expires_at: app.expires_at.0,
    });
    Ok(Json(answer.collect()))
}

/// An installation that wants to be admitted.
#[derive(Deserialize, ToSchema)]
struct NewAppWish {
    /// What to call it, such as "Kim's phone".
    name: String,
    /// A signing request (PKCS#10, PEM) for a key that stays in the app; its subject is not looked at.
    csr: String,
}

/// What the installation connects with.
#[derive(Serialize, ToSchema)]
struct NewAppAnswer {
    /// The installation's id.
    id: String,
    /// Its certificate, PEM.
    certificate: String,
    /// The site's authority, PEM.
    ca: String,
    /// The broker.
    mqtt_url: String,
    /// The MQTT client id.
    client_id: String,
    /// When the certificate ends, in milliseconds since the epoch.
    expires_at: i64,
}

/// Admits an installation of an app: it may subscribe to `client/state/{own address}/#` and publish its
/// own `client/request_state`.
#[utoipa::path(post, path = "/api/users/me/apps", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    request_body = NewAppWish,
    responses((status = 201, body = NewAppAnswer), (status = 401),
        (status = 409, description = "Too many apps: revoke one first"),
        (status = 422, description = "Not a name, or not a signing request")))]
async fn add_app(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(wish): Body<NewAppWish>,
) -> Result<(StatusCode, Json<NewAppAnswer>), Refusal> {
    let app = apps::add(&state.services, &actor, &wish.name, &wish.csr).await?;
    Ok((StatusCode::CREATED, Json(app.into())))
}

impl From<apps::NewApp> for NewAppAnswer {
    fn from(app: apps::NewApp) -> Self {
        Self {
            id: app.id,
            certificate: app.certificate,
            ca: app.ca,
            mqtt_url: app.mqtt_url,
            client_id: app.client_id,
            expires_at: app.expires_at.0,
        }
    }
}

/// An installation that wants another certificate.
#[derive(Deserialize, ToSchema)]
struct AppRenewal {
    /// A signing request (PKCS#10, PEM), best for a new key; its subject is not looked at.
    csr: String,
}

/// Renews an installation's certificate. The former one is let in until the new one connects; one that was asked for
/// before and never used is void.
#[utoipa::path(post, path = "/api/users/me/apps/{id}/certificate", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "The installation")),
    request_body = AppRenewal,
    responses((status = 200, body = NewAppAnswer), (status = 401), (status = 404),
        (status = 409, description = "Its certificate has ended, and there are too many other apps"),
        (status = 410, description = "The installation was revoked"),
        (status = 422, description = "Not a signing request")))]
async fn renew_app(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<String>,
    Body(wish): Body<AppRenewal>,
) -> Result<Json<NewAppAnswer>, Refusal> {
    let app = apps::renew(&state.services, &actor, &id, &wish.csr).await?;
    Ok(Json(app.into()))
}

/// Ends an installation: its certificates are refused and its sessions end at once.
#[utoipa::path(delete, path = "/api/users/me/apps/{id}", tag = "users",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = String, Path, description = "The installation")),
    responses((status = 204), (status = 401), (status = 404)))]
async fn revoke_app(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    apps::revoke(&state.services, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
