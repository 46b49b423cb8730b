//! `/api/jobs`: one instruction to many devices, and what became of it on each.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, ComponentKey, DeviceId, JobId, Page,
    component::Level,
    job::{Job, JobState, NewJob, Pace, Preview, Step, StepState, Target},
};
use serde::Deserialize;
use service::jobs;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Body, Path, Query, Refusal},
    word::{optional, several},
};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(preview))
        .routes(routes!(get))
        .routes(routes!(steps))
        .routes(routes!(cancel))
        .routes(routes!(retry))
}

/// What a job does, and on which devices.
#[derive(Deserialize, ToSchema)]
struct Wish {
    /// What to call it; the command's own words where none is given.
    #[serde(default)]
    title: Option<String>,
    /// These devices; either this or `filter`.
    #[serde(default)]
    devices: Option<Vec<uuid::Uuid>>,
    /// Every device that this filter finds, as the device list spells it: `tag:lab presence:online`. What it finds
    /// is fixed when the job is made.
    #[serde(default)]
    filter: Option<String>,
    /// The command's name, such as `set`.
    name: String,
    /// The component it is for, such as `led`.
    #[serde(default)]
    component_key: Option<String>,
    /// Its arguments.
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Option<serde_json::Value>,
    /// How far a `set` brings the component on, in percent, in place of `arguments`; devices where it has only on and off
    /// are left out.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    level: Option<i64>,
    /// Leaves what is desired of the component as it is.
    #[serde(default)]
    transient: Option<bool>,
    /// Most devices that are at it at a time; 50.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    concurrency: Option<u32>,
    /// The time between two devices that begin, in milliseconds, on the average; 0.
    #[serde(default)]
    stagger_ms: Option<i64>,
    /// For how long devices that are not connected are waited for, in milliseconds; an hour.
    #[serde(default)]
    valid_for_ms: Option<i64>,
    /// Until when they are waited for, in milliseconds since the epoch, in place of `valid_for_ms`.
    #[serde(default)]
    expires_at: Option<i64>,
    /// How long a device that took it may stay silent about it, in milliseconds; 5 minutes.
    #[serde(default)]
    timeout_ms: Option<i64>,
    /// How often each device tries again after a failure; 0.
    #[serde(default)]
    #[schema(maximum = 10)]
    retries: Option<u8>,
    /// How long the second try waits, in milliseconds; 5 s.
    #[serde(default)]
    retry_wait_ms: Option<i64>,
}

impl Wish {
    fn checked(self, now_ms: i64) -> Result<NewJob, AppError> {
        let target = match (self.devices, self.filter) {
            (Some(ids), None) => Target::Devices(ids.into_iter().map(DeviceId).collect()),
            (None, Some(filter)) => Target::Filter(filter),
            _ => return Err(AppError::invalid("devices", "one_of_two")),
        };
        let start = Pace::default();
        let valid_for_ms = match (self.valid_for_ms, self.expires_at) {
            (None, None) => start.valid_for_ms,
            (Some(valid_for_ms), None) => valid_for_ms,
            (None, Some(at)) => at.saturating_sub(now_ms),
            (Some(_), Some(_)) => return Err(AppError::invalid("expires_at", "one_of_two")),
        };
        Ok(NewJob {
            title: self.title.unwrap_or_default(),
            target,
            name: self.name,
            component: component(self.component_key.as_deref())?,
            arguments: self.arguments.unwrap_or_default(),
            level: self.level.map(Level::try_from).transpose()?,
            pace: Pace {
                transient: self.transient.unwrap_or(start.transient),
                concurrency: self.concurrency.unwrap_or(start.concurrency),
                stagger_ms: self.stagger_ms.unwrap_or(start.stagger_ms),
                valid_for_ms,
                timeout_ms: self.timeout_ms.unwrap_or(start.timeout_ms),
                retries: self.retries.unwrap_or(start.retries),
                retry_wait_ms: self.retry_wait_ms.unwrap_or(start.retry_wait_ms),
            },
        })
    }
}

fn component(key: Option<&str>) -> Result<Option<ComponentKey>, AppError> {
    key.map(str::parse)
        .transpose()
        .map_err(|_| AppError::invalid("component_key", "unknown_component"))
}

/// Makes a job; it begins at once.
#[utoipa::path(post, path = "/api/jobs", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Wish,
    responses((status = 201, description = "The job", body = Job), (status = 401),
        (status = 409, description = "None of the devices can be reached"), (status = 422)))]
async fn create(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(wish): Body<Wish>,
) -> Result<(StatusCode, Json<Job>), Refusal> {
    let new = wish.checked(state.services.now().0)?;
    let job = jobs::create(&state.services, &actor, new).await?;
    Ok((StatusCode::CREATED, Json(job)))
}

/// Says who would be reached, who is away, and who is left out; nothing is done.
#[utoipa::path(post, path = "/api/jobs/preview", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Wish,
    responses((status = 200, body = Preview), (status = 401), (status = 422)))]
async fn preview(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(wish): Body<Wish>,
) -> Result<Json<Preview>, Refusal> {
    let new = wish.checked(state.services.now().0)?;
    let (component, level) = (new.component.as_ref(), new.level.is_some());
    let (services, target) = (&state.services, &new.target);
    let preview = jobs::preview(services, &actor, target, &new.name, component, level).await?;
    Ok(Json(preview))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// Words to find in titles.
    #[serde(default)]
    search: String,
    /// `running`, `cancelling`, `finished` or `cancelled`.
    state: Option<String>,
    /// From 1.
    page: Option<u32>,
    /// 10 to 200.
    page_size: Option<u32>,
}

/// One page of the jobs that one may see, newest first.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", params(ListQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Page<Job>), (status = 401), (status = 422)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Job>>, Refusal> {
    let of = optional("state", query.state.as_deref(), JobState::parse)?;
    let (page, size) = (query.page.unwrap_or(1), query.page_size.unwrap_or(50));
    let page = jobs::list(&state.services, &actor, &query.search, of, page, size).await?;
    Ok(Json(page))
}

/// One job with the counts of its devices.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, body = Job), (status = 401), (status = 404)))]
async fn get(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(jobs::get(&state.services, &actor, id).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
struct StepQuery {
    /// Only devices in these states, such as `failed`; several with commas.
    #[serde(default)]
    state: String,
    /// Words to find in names.
    #[serde(default)]
    search: String,
    /// From 1.
    page: Option<u32>,
    /// 10 to 200.
    page_size: Option<u32>,
}

/// One page of a job's devices, each with its state, progress, reason and output.
#[utoipa::path(get, path = "/api/jobs/{id}/devices", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job"), StepQuery),
    responses((status = 200, body = Page<Step>), (status = 401), (status = 404), (status = 422)))]
async fn steps(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
    Query(query): Query<StepQuery>,
) -> Result<Json<Page<Step>>, Refusal> {
    let states = several("state", query.state.split(','), StepState::parse)?;
    let (page, size) = (query.page.unwrap_or(1), query.page_size.unwrap_or(50));
    let search = &query.search;
    let page = jobs::steps(&state.services, &actor, id, &states, search, page, size).await?;
    Ok(Json(page))
}

/// Cancels what has not been delivered; what was delivered comes to its own end.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses((status = 200, body = Job), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It is over")))]
async fn cancel(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
) -> Result<Json<Job>, Refusal> {
    Ok(Json(jobs::cancel(&state.services, &actor, id).await?))
}

#[derive(Deserialize, ToSchema)]
struct Again {
    /// Devices that ended in these states; `failed`, `rejected` and `timed_out` where none are given.
    #[serde(default)]
    states: Vec<String>,
}

/// Makes a new job with the same instruction, of the devices of this one that did not do it.
#[utoipa::path(post, path = "/api/jobs/{id}/retry", tag = "jobs",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The job")),
    request_body = Again,
    responses((status = 201, description = "The new job", body = Job), (status = 401),
        (status = 404), (status = 409), (status = 422)))]
async fn retry(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<JobId>,
    Body(again): Body<Again>,
) -> Result<(StatusCode, Json<Job>), Refusal> {
    let names = again.states.iter().map(String::as_str);
    let states = match again.states.is_empty() {
        true => StepState::RETRIED.to_vec(),
        false => several("states", names, StepState::parse)?,
    };
    let job = jobs::retry(&state.services, &actor, id, states).await?;
    Ok((StatusCode::CREATED, Json(job)))
}
