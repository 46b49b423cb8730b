//! Tags of devices: counted, set on one, put on and taken off all that a filter finds.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, DeviceId, Page,
    device::DeviceSummary,
    finding::{BulkTagged, RowExtra},
    tag::Tag,
};
use serde::{Deserialize, Serialize};
use service::{
    Actor, Services,
    devices::{self, matching, tags},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::problem::{Body, Path, Refusal};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(counts))
        .routes(routes!(of_device, set))
        .routes(routes!(many))
        .routes(routes!(undo))
}

/// A device of the list, as `GET /api/devices` gives it.
#[derive(Serialize, ToSchema)]
#[schema(as = DeviceRow)]
pub(super) struct Row {
    #[serde(flatten)]
    summary: DeviceSummary,
    /// Its tags, by name.
    tags: Vec<Tag>,
    /// What is wrong with it.
    troubles: Vec<domain::finding::Trouble>,
}

/// The rows of a page with their tags and troubles.
pub(super) async fn rows(
    services: &Services,
    actor: &Actor,
    page: Page<DeviceSummary>,
) -> Result<Page<Row>, AppError> {
    let ids: Vec<_> = page.items.iter().map(|device| device.id).collect();
    let extras = devices::extras(services, actor, &ids, &[]).await?;
    let row = |(summary, extra): (DeviceSummary, RowExtra)| Row {
        summary,
        tags: extra.tags,
        troubles: extra.troubles,
    };
    Ok(Page {
        items: page.items.into_iter().zip(extras).map(row).collect(),
        total: page.total,
        page: page.page,
        page_size: page.page_size,
    })
}

#[derive(Serialize, ToSchema)]
struct TagCount {
    /// The tag.
    tag: String,
    /// How many devices have it.
    devices: u64,
}

#[derive(Serialize, ToSchema)]
struct Tags {
    /// The tags by name.
    tags: Vec<TagCount>,
    /// Devices without a tag.
    untagged: u64,
}

/// How many of the devices that one may see have each tag, and how many have none.
#[utoipa::path(get, path = "/api/tags", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Tags), (status = 401)))]
async fn counts(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Tags>, Refusal> {
    let counts = tags::counts(&state.services, &actor).await?;
    let tags = counts.tags.into_iter().map(|(tag, devices)| TagCount {
        tag: tag.into(),
        devices,
    });
    Ok(Json(Tags {
        tags: tags.collect(),
        untagged: counts.untagged,
    }))
}

#[derive(Serialize, Deserialize, ToSchema)]
struct TagsOfDevice {
    /// 1 to 32 letters, digits, `-`, `_` or `.` each; at most 20.
    tags: Vec<String>,
}

/// The tags of a device.
#[utoipa::path(get, path = "/api/devices/{id}/tags", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = TagsOfDevice), (status = 401), (status = 404)))]
async fn of_device(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Json<TagsOfDevice>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let tags = tags::of(&state.services, &viewer).await?;
    let tags = tags.into_iter().map(String::from).collect();
    Ok(Json(TagsOfDevice { tags }))
}

/// Gives a device exactly these tags.
#[utoipa::path(put, path = "/api/devices/{id}/tags", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = TagsOfDevice,
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 422)))]
async fn set(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<TagsOfDevice>,
) -> Result<StatusCode, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    let tags = each("tags", &body.tags)?;
    tags::set(&state.services, &owner, &tags).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Many {
    /// Which devices: as `search` of the list.
    #[serde(default)]
    search: String,
    /// Tags to put on.
    #[serde(default)]
    add: Vec<String>,
    /// Tags to take off.
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Tagged {
    /// Devices whose tags are others now.
    changed: u64,
    /// Devices that match and stay as they are: one may not manage them, or they have 20 tags.
    left: u64,
    /// Undoes it, by `POST /api/devices/tags/{act}/undo`.
    undo: Option<i64>,
}

impl From<BulkTagged> for Tagged {
    fn from(done: BulkTagged) -> Self {
        Self {
            changed: done.changed,
            left: done.left,
            undo: done.undo,
        }
    }
}

/// Puts tags on and takes tags off every device that a filter finds and that one may manage.
#[utoipa::path(post, path = "/api/devices/tags", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Many,
    responses((status = 200, body = Tagged), (status = 401), (status = 422)))]
async fn many(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<Many>,
) -> Result<Json<Tagged>, Refusal> {
    let filter = matching::read(&body.search)?;
    let (add, remove) = (each("add", &body.add)?, each("remove", &body.remove)?);
    let done = tags::tag_matching(&state.services, &actor, &filter, &add, &remove).await?;
    Ok(Json(done.into()))
}

#[derive(Serialize, ToSchema)]
struct Undone {
    /// Devices whose tags are as they were.
    changed: u64,
}

/// Takes a tagging of many back, once.
#[utoipa::path(post, path = "/api/devices/tags/{act}/undo", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("act" = i64, Path, description = "`undo` of the answer to it")),
    responses((status = 200, body = Undone), (status = 401), (status = 404),
        (status = 409, description = "It was taken back already")))]
async fn undo(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(act): Path<i64>,
) -> Result<Json<Undone>, Refusal> {
    let changed = tags::undo(&state.services, &actor, act).await?;
    Ok(Json(Undone { changed }))
}

fn each(field: &str, names: &[String]) -> Result<Vec<Tag>, AppError> {
    tags::each(names.iter().map(String::as_str)).map_err(|error| match error {
        AppError::Invalid { message, .. } => AppError::invalid(field, message),
        other => other,
    })
}
