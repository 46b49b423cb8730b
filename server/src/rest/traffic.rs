//! `/api/devices/{id}/traffic`: a device's raw messages, for who debugs it.

use axum::{Json, extract::State};
use domain::{
    AppError, DeviceId,
    traffic::{TrafficFilter, TrafficMessage, TrafficQuery},
};
use serde::Deserialize;
use service::{commands::Commander, traffic};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Path, Query, Refusal},
    word::optional,
};
use crate::{http::Signed, state::AppState};

/// Most characters of what is searched for.
const MOST_SEARCHED: usize = 200;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read))
}

#[derive(Debug, Deserialize, IntoParams)]
struct Asked {
    /// Which of them: `all`, `up` (from the device), `down` (to it) or `refused` (not taken, or not whole).
    only: Option<String>,
    /// Only those whose topic or text holds this, at most 200 characters.
    q: Option<String>,
    /// Only those after the one with this number.
    after: Option<u64>,
}

/// A device's latest raw messages, newest first, each with what became of it and why it was refused. Asking begins
/// to watch the device, for five minutes after the last time; what passed before is not known. What is secret is
/// blotted out. For its owner, administrators and developers.
#[utoipa::path(get, path = "/api/devices/{id}/traffic", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), Asked),
    responses((status = 200, body = Vec<TrafficMessage>), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Too many devices are watched"), (status = 422)))]
async fn read(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<TrafficMessage>>, Refusal> {
    let only = optional("only", asked.only.as_deref(), TrafficFilter::parse)?;
    let only = only.unwrap_or(TrafficFilter::All);
    let search = asked.q.unwrap_or_default();
    if search.chars().count() > MOST_SEARCHED {
        return Err(AppError::invalid("q", "too_large").into());
    }
    let query = TrafficQuery {
        only,
        search,
        after: asked.after.unwrap_or(0),
    };
    let commander = Commander::prove(&state.services, &actor, id).await?;
    let messages = traffic::read(&state.services, &commander, &query).await?;
    Ok(Json(messages))
}
