//! `/api/identity`: what was found about devices' identities, decisions, policies; `/api/notices`: what one is told.

use axum::{Json, extract::State, http::StatusCode};
use domain::{
    AppError, Page,
    identity::{Act, Finding, FindingKind, FindingState, Notice, Policies, Reaction},
};
use serde::{Deserialize, Serialize};
use service::{identity, notices};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    problem::{Body, Path, Query, Refusal},
    word::{optional, word},
};
use crate::{http::Signed, state::AppState};

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(resolve))
        .routes(routes!(undo))
        .routes(routes!(code))
        .routes(routes!(policies))
        .routes(routes!(set_policy))
        .routes(routes!(told))
        .routes(routes!(mark))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// `open` or `resolved`.
    state: Option<String>,
    /// `clone`, `board_swap`, `card_swap` or `collision`.
    kind: Option<String>,
    /// Found in the device's name or serial number.
    #[serde(default)]
    search: String,
    /// From 1.
    page: Option<u32>,
}

/// One page of the findings, the latest first. Administrators only.
#[utoipa::path(get, path = "/api/identity", tag = "identity", params(ListQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Page<Finding>), (status = 401), (status = 403), (status = 422)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Finding>>, Refusal> {
    let admin = actor.require_admin()?;
    let of = optional("state", query.state.as_deref(), FindingState::parse)?;
    let kind = optional("kind", query.kind.as_deref(), FindingKind::parse)?;
    let search: String = query.search.chars().take(200).collect();
    let page = query.page.unwrap_or(1);
    let found = identity::list(&state.services, &admin, of, kind, &search, page).await?;
    Ok(Json(found))
}

/// One finding: what was known, what was said, what was done. Administrators only.
#[utoipa::path(get, path = "/api/identity/{id}", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The finding")),
    responses((status = 200, body = Finding), (status = 401), (status = 403), (status = 404)))]
async fn read(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<Json<Finding>, Refusal> {
    let admin = actor.require_admin()?;
    let finding = identity::read(&state.services, &admin, id).await?;
    Ok(Json(finding))
}

#[derive(Deserialize, ToSchema)]
struct Decision {
    /// `accept`, `release`, `discard`, `block`, `reprovision` or `disable`.
    act: String,
}

/// Decides about a finding. Administrators only.
#[utoipa::path(post, path = "/api/identity/{id}/resolve", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The finding")),
    request_body = Decision,
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Decided on already, or the act does not apply"), (status = 422)))]
async fn resolve(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
    Body(decision): Body<Decision>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    let act = word("act", &decision.act, Act::parse)?;
    identity::resolve(&state.services, &admin, id, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the decision about a finding back: everything that it changed is as it was. Administrators only.
#[utoipa::path(post, path = "/api/identity/{id}/undo", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The finding")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Nothing to undo, or too late")))]
async fn undo(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    identity::undo(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, ToSchema)]
struct NewCode {
    /// The device.
    device_uuid: uuid::Uuid,
    /// The enrolment code; shown once.
    code: String,
    /// What a QR code of it holds.
    link: String,
}

/// Makes a new enrolment code for a device that must enrol again. Administrators only.
#[utoipa::path(post, path = "/api/identity/{id}/code", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = i64, Path, description = "The finding")),
    responses((status = 201, body = NewCode), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "It was not decided that it must enrol again")))]
async fn code(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<i64>,
) -> Result<(StatusCode, Json<NewCode>), Refusal> {
    let admin = actor.require_admin()?;
    let made = identity::new_code(&state.services, &admin, id).await?;
    let answer = NewCode {
        device_uuid: made.id.0,
        code: made.code.to_string(),
        link: made.link.to_string(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// What is done by itself about each kind of finding. Administrators only.
#[utoipa::path(get, path = "/api/identity/policies", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, description = "The reaction to `clone`, `board_swap`, `card_swap` and `collision`",
            body = Policies),
        (status = 401), (status = 403)))]
async fn policies(
    State(state): State<AppState>,
    Signed(actor): Signed,
) -> Result<Json<Policies>, Refusal> {
    let admin = actor.require_admin()?;
    let policies = identity::policies(&state.services, &admin).await?;
    Ok(Json(policies))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PolicyWish)]
struct Wish {
    /// `alert`, `quarantine`, `block`, `remap`, `reprovision` or `disable`, where the kind has it.
    reaction: String,
}

/// Sets what is done by itself about one kind of finding. Administrators only.
#[utoipa::path(put, path = "/api/identity/policies/{kind}", tag = "identity",
    security(("bearer" = []), ("api_key" = [])),
    params(("kind" = String, Path, description = "`clone`, `board_swap`, `card_swap` or `collision`")),
    request_body = Wish,
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 422)))]
async fn set_policy(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(kind): Path<String>,
    Body(wish): Body<Wish>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    let kind = FindingKind::parse(&kind).ok_or(AppError::NotFound)?;
    let reaction = word("reaction", &wish.reaction, Reaction::parse)?;
    identity::set_policy(&state.services, &admin, kind, reaction).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
struct NoticeQuery {
    /// Only what is not read.
    #[serde(default)]
    unread: bool,
    /// From 1.
    page: Option<u32>,
}

/// One page of what one was told, the latest first.
#[utoipa::path(get, path = "/api/notices", tag = "notices", params(NoticeQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Page<Notice>), (status = 401)))]
async fn told(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<NoticeQuery>,
) -> Result<Json<Page<Notice>>, Refusal> {
    let page = query.page.unwrap_or(1);
    let notices = notices::list(&state.services, &actor, query.unread, page).await?;
    Ok(Json(notices))
}

#[derive(Deserialize, ToSchema)]
struct Mark {
    /// Which; none for all.
    notice: Option<i64>,
    /// Whether it is read.
    read: bool,
}

/// Marks one notice, or all, as read or as not read.
#[utoipa::path(post, path = "/api/notices/mark", tag = "notices",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Mark,
    responses((status = 204), (status = 401), (status = 404), (status = 422)))]
async fn mark(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(mark): Body<Mark>,
) -> Result<StatusCode, Refusal> {
    notices::mark(&state.services, &actor, mark.notice, mark.read).await?;
    Ok(StatusCode::NO_CONTENT)
}
