//! `/api/devices/{id}/command`: sending and following commands.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
};
use domain::{
    AppError, CommandId, DeviceId,
    command::{Command, CommandOptions, NewCommand},
};
use serde::Deserialize;
use service::commands::{self, Commander};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Query, Refusal};
use crate::{http::Signed, state::AppState};

/// How long a command waits for its device unless told otherwise, in milliseconds.
const VALID_FOR_MS: i64 = 60_000;
/// How long the second try waits unless told otherwise, in milliseconds.
const RETRY_WAIT_MS: i64 = 5_000;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(send))
        .routes(routes!(list))
        .routes(routes!(get, cancel))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CommandWish)]
struct Wish {
    /// Its name, such as `set`.
    name: String,
    /// The component it is for, such as `led`.
    #[serde(default)]
    component_key: Option<String>,
    /// Its arguments.
    #[serde(default)]
    arguments: Option<serde_json::Value>,
    /// For how long it may wait for the device, in milliseconds; a minute where nothing is said.
    #[serde(default)]
    valid_for_ms: Option<i64>,
    /// Until when it may wait for the device, in milliseconds since the epoch, in place of `valid_for_ms`.
    #[serde(default)]
    expires_at: Option<i64>,
    /// Leaves what is desired of the component as it is.
    #[serde(default)]
    transient: bool,
    /// How often it is tried again after a failure.
    #[serde(default)]
    #[schema(maximum = 10)]
    retries: u8,
    /// How long the second try waits, in milliseconds; each further one waits twice as long.
    #[serde(default)]
    retry_wait_ms: Option<i64>,
    /// How long a device that took it may stay silent about it, in milliseconds.
    #[serde(default)]
    timeout_ms: Option<i64>,
}

/// Queues a command; the same `Idempotency-Key` queues it once.
#[utoipa::path(post, path = "/api/devices/{id}/command", tag = "commands",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 200 visible ASCII characters")),
    request_body = Wish,
    responses((status = 202, description = "Queued", body = Command), (status = 401),
        (status = 403), (status = 404), (status = 409), (status = 422)))]
async fn send(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    headers: HeaderMap,
    Body(wish): Body<Wish>,
) -> Result<(StatusCode, Json<Command>), Refusal> {
    let component = match wish.component_key {
        None => None,
        Some(key) => Some(
            key.parse()
                .map_err(|_| AppError::invalid("component_key", "unknown_component"))?,
        ),
    };
    let command = NewCommand {
        name: wish.name,
        component,
        arguments: wish.arguments.unwrap_or_else(|| serde_json::json!({})),
        valid_for_ms: match (wish.valid_for_ms, wish.expires_at) {
            (None, None) => VALID_FOR_MS,
            (Some(valid_for_ms), None) => valid_for_ms,
            (None, Some(at)) => at.saturating_sub(state.services.now().0),
            (Some(_), Some(_)) => {
                return Err(AppError::invalid("expires_at", "one_of_two").into());
            }
        },
        options: CommandOptions {
            transient: wish.transient,
            retries: wish.retries,
            retry_wait_ms: wish.retry_wait_ms.unwrap_or(RETRY_WAIT_MS),
            timeout_ms: wish.timeout_ms,
        },
    };
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let key = headers
        .get("idempotency-key")
        .map(HeaderValue::to_str)
        .transpose()
        // Without it the command would be queued again with every retry.
        .map_err(|_| AppError::invalid("idempotency_key", "visible_ascii"))?;
    let queued = match key {
        Some(key) => commands::send_once(&state.services, &commander, command, key).await?,
        None => commands::send(&state.services, &commander, command).await?,
    };
    Ok((StatusCode::ACCEPTED, Json(queued)))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// Only commands before this one.
    before: Option<uuid::Uuid>,
    /// At most this many, up to 200.
    limit: Option<u32>,
}

/// A device's commands, newest first.
#[utoipa::path(get, path = "/api/devices/{id}/commands", tag = "commands",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), ListQuery),
    responses((status = 200, body = Vec<Command>), (status = 401), (status = 404)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<Command>>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let before = query.before.map(CommandId);
    let limit = query.limit.unwrap_or(50);
    let commands = commands::list(&state.services, &viewer, before, limit).await?;
    Ok(Json(commands))
}

/// One command as it stands.
#[utoipa::path(get, path = "/api/devices/{id}/commands/{command}", tag = "commands",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("command" = uuid::Uuid, Path, description = "The command")),
    responses((status = 200, body = Command), (status = 401), (status = 404)))]
async fn get(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, command)): Path<(DeviceId, CommandId)>,
) -> Result<Json<Command>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let command = commands::get(&state.services, &viewer, command).await?;
    Ok(Json(command))
}

/// Takes a command back that has not been delivered.
#[utoipa::path(delete, path = "/api/devices/{id}/commands/{command}", tag = "commands",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"),
        ("command" = uuid::Uuid, Path, description = "The command")),
    responses((status = 200, body = Command), (status = 401), (status = 403),
        (status = 404), (status = 409, description = "It was delivered")))]
async fn cancel(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path((id, command)): Path<(DeviceId, CommandId)>,
) -> Result<Json<Command>, Refusal> {
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let command = commands::cancel(&state.services, &commander, command).await?;
    Ok(Json(command))
}
