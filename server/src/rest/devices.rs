//! `/api/devices`: enrolment, list, page and care of devices.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    AppError, DeviceId, Page,
    certificate::DeviceCertificate,
    device::{DeviceDetail, DeviceKind, DeviceQuery, DeviceSort, Lifecycle, Presence},
    event::DeviceEvent,
};
use protocol::enroll::{ClaimedCredentials, Credentials, CredentialsRequest};
use serde::{Deserialize, Serialize};
use service::{
    accounts::Client,
    devices::{self, Amendment, CredentialsOutcome, NewDevice},
    telemetry,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    finding::Row,
    problem::{Body, Path, Query, Refusal},
    word::{optional, several},
};
use crate::{
    http::{Signed, SignedDevice},
    state::AppState,
};

/// Seconds after which a device that is not claimed asks again.
const ASK_AGAIN_S: u32 = 5;

pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(detail, amend, unlink))
        .routes(routes!(nickname))
        .routes(routes!(retention))
        .routes(routes!(events))
        .routes(routes!(revoke))
        .routes(routes!(preregister))
        .routes(routes!(code))
        .routes(routes!(claim))
        .routes(routes!(credentials))
        .routes(routes!(certificate))
        .routes(routes!(certificates))
}

/// A filtered, sorted page of the list.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct ListQuery {
    /// A filter: words to find in name, nickname and serial number, and tests such as
    /// `presence:offline tag:lab-1 state.cpu_average>80 version<2.4 -tag:spare`.
    #[serde(default)]
    search: String,
    /// `ONLINE`, `TIMEOUT`, `OFFLINE`; several with commas.
    #[serde(default)]
    presence: String,
    /// `unclaimed`, `active`, `revoked`; several with commas.
    #[serde(default)]
    lifecycle: String,
    /// `board`, `computer`; several with commas.
    #[serde(default)]
    kind: String,
    /// `severity`, `name`, `last_report`, `version` or `created`.
    #[serde(default)]
    sort: Option<String>,
    /// Whether to turn the sort's natural direction around.
    #[serde(default)]
    reverse: bool,
    /// From 1.
    #[serde(default)]
    page: Option<u32>,
    /// 10 to 200.
    #[serde(default)]
    page_size: Option<u32>,
}

impl ListQuery {
    pub(super) fn checked(self) -> Result<DeviceQuery, AppError> {
        let start = DeviceQuery::default();
        Ok(DeviceQuery {
            search: self.search,
            presence: several("presence", self.presence.split(','), Presence::parse)?,
            lifecycle: several("lifecycle", self.lifecycle.split(','), Lifecycle::parse)?,
            kind: several("kind", self.kind.split(','), DeviceKind::parse)?,
            sort: optional("sort", self.sort.as_deref(), DeviceSort::parse)?.unwrap_or(start.sort),
            reverse: self.reverse,
            page: self.page.unwrap_or(1).max(1),
            page_size: self.page_size.unwrap_or(start.page_size).clamp(10, 200),
        })
    }
}

/// One page of the devices that one may see.
#[utoipa::path(get, path = "/api/devices", tag = "devices", params(ListQuery),
    security(("bearer" = []), ("api_key" = [])),
    responses((status = 200, body = Page<Row>), (status = 401), (status = 422)))]
async fn list(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Row>>, Refusal> {
    let page = devices::list(&state.services, &actor, &query.checked()?).await?;
    let rows = super::finding::rows(&state.services, &actor, page).await?;
    Ok(Json(rows))
}

/// A device with its state and components.
#[utoipa::path(get, path = "/api/devices/{id}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = DeviceDetail), (status = 401), (status = 404)))]
async fn detail(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Json<DeviceDetail>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let detail = devices::detail(&state.services, &viewer).await?;
    Ok(Json(detail))
}

#[derive(Deserialize, ToSchema)]
struct DeviceChange {
    /// The site's name for it.
    #[serde(default)]
    name: Option<String>,
    /// `4B`, `5`, `pc`, …; administrators only.
    #[serde(default)]
    hardware_version: Option<String>,
    /// `Standard`, `Pro`, …; administrators only. Reports of another variant than this are refused.
    #[serde(default)]
    hardware_variant: Option<String>,
    /// How often it is to report, in milliseconds, 100 to 86,400,000. The device is told, and falls silent by it from
    /// now on.
    #[serde(default)]
    #[schema(minimum = 100, maximum = 86_400_000)]
    report_interval_ms: Option<i64>,
}

/// Changes what the site says of a device; what is left out stays.
#[utoipa::path(put, path = "/api/devices/{id}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = DeviceChange,
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "An attached component does not fit the hardware"), (status = 422)))]
async fn amend(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<DeviceChange>,
) -> Result<StatusCode, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    let amendment = Amendment {
        name: body.name,
        hardware_version: body.hardware_version,
        hardware_variant: body.hardware_variant,
        report_interval_ms: body.report_interval_ms,
    };
    devices::amend(&state.services, &owner, amendment).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a device up: its secret is void, everybody's access ends, and it resets itself. One that was never claimed and
/// never connected is deleted for good, by administrators.
#[utoipa::path(delete, path = "/api/devices/{id}", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 204), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Nobody owns it, and it was claimed or connected before")))]
async fn unlink(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<StatusCode, Refusal> {
    let owner = actor.require_owner(&state.services, id).await?;
    match (
        devices::unlink(&state.services, &owner).await,
        actor.require_admin(),
    ) {
        (Err(refused @ AppError::Conflict { .. }), Ok(admin)) => {
            // Of what was used the first refusal holds.
            devices::delete(&state.services, &admin, id)
                .await
                .map_err(|error| match error {
                    AppError::Conflict { .. } => refused,
                    error => error,
                })?;
        }
        (given_up, _) => given_up?,
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Nickname {
    /// One's own name for the device; empty for none.
    nickname: String,
}

/// Sets one's own name for a device.
#[utoipa::path(put, path = "/api/devices/{id}/nickname", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = Nickname,
    responses((status = 204), (status = 401), (status = 404), (status = 422)))]
async fn nickname(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<Nickname>,
) -> Result<StatusCode, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    devices::set_nickname(&state.services, &viewer, &body.nickname).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Retention {
    /// Days that single reports are kept, 1 to 3,650; `null` for the site's own.
    #[schema(minimum = 1, maximum = 3650)]
    keep_reports_days: Option<u32>,
}

/// Sets how long a device's reports are kept. Rollups of hours and days stay.
#[utoipa::path(put, path = "/api/devices/{id}/retention", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = Retention,
    responses((status = 204), (status = 401), (status = 403), (status = 404), (status = 422)))]
async fn retention(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Body(body): Body<Retention>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    telemetry::keep_reports(&state.services, &admin, id, body.keep_reports_days).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
struct EventQuery {
    /// Only events before this one.
    before: Option<i64>,
    /// At most this many, up to 200.
    limit: Option<u32>,
}

/// What happened to a device, newest first.
#[utoipa::path(get, path = "/api/devices/{id}/events", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device"), EventQuery),
    responses((status = 200, body = Vec<DeviceEvent>), (status = 401), (status = 404)))]
async fn events(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Vec<DeviceEvent>>, Refusal> {
    let viewer = actor.require_viewer(&state.services, id).await?;
    let limit = query.limit.unwrap_or(50);
    let events = devices::events(&state.services, &viewer, query.before, limit).await?;
    Ok(Json(events))
}

/// Revokes a device: its certificates are refused and its session ends at once.
#[utoipa::path(post, path = "/api/devices/{id}/revoke", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 204), (status = 401), (status = 403), (status = 404)))]
async fn revoke(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<StatusCode, Refusal> {
    let admin = actor.require_admin()?;
    devices::revoke(&state.services, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct Preregistration {
    /// The serial number of the processor.
    cpu_serial: String,
    /// Its UUID, where it has one.
    #[serde(default)]
    uuid: Option<uuid::Uuid>,
    /// `board` (default) or `computer`.
    #[serde(default)]
    kind: Option<String>,
    /// `4B`, `5`, `pc`, …; `pc` for a computer where none is given.
    #[serde(default)]
    hardware_version: Option<String>,
    /// `Standard` where none is given.
    #[serde(default)]
    hardware_variant: Option<String>,
    /// Its name.
    #[serde(default)]
    name: Option<String>,
    /// Component types to attach, such as `led`.
    #[serde(default)]
    components: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Preregistered {
    /// The device's UUID.
    device_uuid: uuid::Uuid,
    /// The one-time code, shown once.
    code: String,
    /// What the QR code holds.
    claim_url: String,
    /// The QR code, SVG.
    qr_svg: String,
}

/// Pre-registers a device.
#[utoipa::path(post, path = "/api/devices/preregister", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Preregistration,
    responses((status = 201, body = Preregistered), (status = 401), (status = 403),
        (status = 409, description = "`serial_known` or `uuid_known`"), (status = 422)))]
async fn preregister(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<Preregistration>,
) -> Result<(StatusCode, Json<Preregistered>), Refusal> {
    let admin = actor.require_admin()?;
    let kind = optional("kind", body.kind.as_deref(), DeviceKind::parse)?;
    let kind = kind.unwrap_or(DeviceKind::Board);
    let version = match kind {
        DeviceKind::Computer => "pc",
        DeviceKind::Board => "5",
    };
    let components = body
        .components
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| AppError::invalid("components", "unknown_component_type"))?;
    let device = NewDevice {
        cpu_serial: body.cpu_serial,
        uuid: body.uuid.map(DeviceId),
        kind,
        hardware_version: body.hardware_version.unwrap_or_else(|| version.to_owned()),
        hardware_variant: body
            .hardware_variant
            .unwrap_or_else(|| "Standard".to_owned()),
        name: body.name,
        components,
    };
    let made = devices::preregister(&state.services, &admin, device).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

impl From<devices::Preregistered> for Preregistered {
    fn from(made: devices::Preregistered) -> Self {
        Self {
            device_uuid: made.id.0,
            code: made.code.to_string(),
            claim_url: made.link.to_string(),
            qr_svg: made.qr_svg,
        }
    }
}

/// Makes a new enrolment code for a device that nobody owns; the old one is void, and with it the key and every
/// certificate that it gave. A revoked device waits to be claimed again, under its UUID.
#[utoipa::path(post, path = "/api/devices/{id}/code", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 201, body = Preregistered), (status = 401), (status = 403), (status = 404),
        (status = 409, description = "Somebody owns it")))]
async fn code(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<(StatusCode, Json<Preregistered>), Refusal> {
    let admin = actor.require_admin()?;
    let made = devices::renew_code(&state.services, &admin, id).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

#[derive(Deserialize, ToSchema)]
struct Claim {
    /// The serial number on the label.
    cpu_serial: String,
    /// The code on the label.
    code: String,
}

#[derive(Serialize, ToSchema)]
struct Claimed {
    /// The device, now one's own.
    device_uuid: uuid::Uuid,
}

/// Makes oneself the owner of a device.
#[utoipa::path(post, path = "/api/devices/claim", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    request_body = Claim,
    responses((status = 200, body = Claimed), (status = 401),
        (status = 409, description = "Somebody else owns it"),
        (status = 410, description = "It was revoked"),
        (status = 422, description = "Wrong serial number or code"), (status = 429)))]
async fn claim(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Body(body): Body<Claim>,
) -> Result<Json<Claimed>, Refusal> {
    let device = devices::claim(&state.services, &actor, &body.cpu_serial, &body.code).await?;
    Ok(Json(Claimed {
        device_uuid: device.0,
    }))
}

/// What a claimed device is given: what every device is, and what the claim adds.
#[derive(Serialize, ToSchema)]
struct CompleteCredentials {
    #[serde(flatten)]
    given: Credentials,
    #[serde(flatten)]
    #[schema(value_type = ClaimedCredentials)]
    added: Option<ClaimedCredentials>,
}

/// Gives a device its certificate, and after the claim its secret. By serial number, code and a
/// PKCS#10 signing request in PEM.
#[utoipa::path(post, path = "/api/devices/credentials", tag = "devices",
    request_body = CredentialsRequest,
    responses((status = 200, description = "Claimed: complete", body = CompleteCredentials),
        (status = 202, description = "Not claimed yet: ask again after `Retry-After`", body = Credentials),
        (status = 409, description = "Another key, or the code is used up"),
        (status = 410, description = "The device was revoked"),
        (status = 422, description = "Wrong serial number or code, or no signing request"), (status = 429)))]
async fn credentials(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Body(request): Body<CredentialsRequest>,
) -> Result<Response, Refusal> {
    let outcome = devices::credentials(&state.services, request, &client).await?;
    Ok(match outcome {
        CredentialsOutcome::Complete(mut given) => {
            let added = given.ownership.take();
            Json(CompleteCredentials { given, added }).into_response()
        }
        CredentialsOutcome::Waiting(credentials) => {
            let again = HeaderValue::from(ASK_AGAIN_S);
            let headers = [(header::RETRY_AFTER, again)];
            (StatusCode::ACCEPTED, headers, Json(credentials)).into_response()
        }
    })
}

#[derive(Deserialize, ToSchema)]
struct Renewal {
    /// A PKCS#10 signing request, PEM.
    csr: String,
}

#[derive(Serialize, ToSchema)]
struct Renewed {
    /// The new certificate, PEM.
    certificate: String,
    /// The site's certificate authority, PEM.
    ca: String,
}

/// The certificates of a device, newest first and at most the last hundred; for administrators. The state is `active`,
/// `replaced` by the one that `replaced_by` names, `revoked` or `expired`.
#[utoipa::path(get, path = "/api/devices/{id}/certificates", tag = "devices",
    security(("bearer" = []), ("api_key" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    responses((status = 200, body = Vec<DeviceCertificate>), (status = 401), (status = 403), (status = 404)))]
async fn certificates(
    State(state): State<AppState>,
    Signed(actor): Signed,
    Path(id): Path<DeviceId>,
) -> Result<Json<Vec<DeviceCertificate>>, Refusal> {
    let admin = actor.require_admin()?;
    let issued = service::certificates::of_device(&state.services, &admin, id).await?;
    Ok(Json(issued))
}

/// Renews a device's certificate; by the device's own token.
#[utoipa::path(post, path = "/api/devices/{id}/certificate", tag = "devices",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The device")),
    request_body = Renewal,
    responses((status = 200, body = Renewed), (status = 401),
        (status = 403, description = "Another device's, or all of its certificates are revoked"),
        (status = 409, description = "Its identity is in doubt; it may ask again once people have decided"),
        (status = 410, description = "The device was revoked"), (status = 422)))]
async fn certificate(
    State(state): State<AppState>,
    SignedDevice(device): SignedDevice,
    Path(id): Path<DeviceId>,
    Body(body): Body<Renewal>,
) -> Result<Json<Renewed>, Refusal> {
    if device.device != id {
        return Err(AppError::Forbidden.into());
    }
    // The body may have come long after the token.
    let certificate = devices::renew_certificate(&state.services, device, &body.csr).await?;
    Ok(Json(Renewed {
        certificate,
        ca: state.services.pki.ca_pem().to_owned(),
    }))
}
