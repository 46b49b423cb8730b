//! Devices: pre-registration, claim, credentials, lists and pages, unlinking, revocation.

use domain::{
    AppError, DeviceId, Page,
    device::{DeviceDetail, DeviceKind, DeviceQuery, DeviceSummary, PresenceCounts},
    event::DeviceEvent,
};
use protocol::enroll::{Credentials, CredentialsRequest};

use crate::{Actor, Admin, OwnerOf, Services, ViewerOf, accounts::Client};

/// A wish to pre-register a device.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its processor's serial number.
    pub cpu_serial: String,
    /// Its UUID, where it already has one.
    pub uuid: Option<DeviceId>,
    /// Board or computer.
    pub kind: DeviceKind,
    /// `4B`, `5`, `pc`, …
    pub hardware_version: String,
    /// `Standard`, `Pro`, …
    pub hardware_variant: String,
    /// Its name; the serial number where it has none.
    pub name: Option<String>,
    /// Component types to attach from the start, such as `cpu` or `led`.
    pub components: Vec<protocol::ComponentType>,
}

/// What pre-registration shows once.
#[derive(Debug, Clone)]
pub struct Preregistered {
    /// The device.
    pub id: DeviceId,
    /// The enrolment code.
    pub code: protocol::enroll::EnrollmentCode,
    /// What the QR code holds.
    pub link: protocol::enroll::ClaimLink,
    /// The QR code, an SVG without a fixed size.
    pub qr_svg: String,
}

/// The answer to a device that asks for its credentials.
#[derive(Debug)]
pub enum CredentialsOutcome {
    /// Claimed: 200.
    Complete(Credentials),
    /// Not claimed yet: 202 with `Retry-After`.
    Waiting(Credentials),
}

/// Pre-registers a device; 409 where serial or UUID is known.
pub async fn preregister(
    services: &Services,
    admin: &Admin,
    device: NewDevice,
) -> Result<Preregistered, AppError> {
    let _ = (services, admin, device);
    Err(AppError::Unavailable)
}

/// Makes a new enrolment code for a device that is not claimed; the old one is void.
pub async fn renew_code(
    services: &Services,
    admin: &Admin,
    device: DeviceId,
) -> Result<Preregistered, AppError> {
    let _ = (services, admin, device);
    Err(AppError::Unavailable)
}

/// Issues a certificate for the code's first key, and after the claim the secret; repeatable with the same key.
pub async fn credentials(
    services: &Services,
    request: CredentialsRequest,
    client: &Client,
) -> Result<CredentialsOutcome, AppError> {
    let _ = (services, request, client);
    Err(AppError::Unavailable)
}

/// Makes the actor the owner of the device with this serial and code.
pub async fn claim(
    services: &Services,
    actor: &Actor,
    cpu_serial: &str,
    code: &str,
) -> Result<DeviceId, AppError> {
    let _ = (services, actor, cpu_serial, code);
    Err(AppError::Unavailable)
}

/// One page of the devices that the actor may see.
pub async fn list(
    services: &Services,
    actor: &Actor,
    query: &DeviceQuery,
) -> Result<Page<DeviceSummary>, AppError> {
    let _ = (services, actor, query);
    Err(AppError::Unavailable)
}

/// How many of the actor's devices there are of each status.
pub async fn counts(services: &Services, actor: &Actor) -> Result<PresenceCounts, AppError> {
    let _ = (services, actor);
    Err(AppError::Unavailable)
}

/// Which of these devices the actor may see.
pub async fn visible(
    services: &Services,
    actor: &Actor,
    ids: &[DeviceId],
) -> Result<Vec<DeviceId>, AppError> {
    let _ = (services, actor, ids);
    Err(AppError::Unavailable)
}

/// Everything the head and the state tiles of a device's page show.
pub async fn detail(services: &Services, viewer: &ViewerOf) -> Result<DeviceDetail, AppError> {
    let _ = (services, viewer);
    Err(AppError::Unavailable)
}

/// What happened to a device, newest first, before event `before` where given.
pub async fn events(
    services: &Services,
    viewer: &ViewerOf,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<DeviceEvent>, AppError> {
    let _ = (services, viewer, before, limit);
    Err(AppError::Unavailable)
}

/// The latest events of all devices that the actor may see, newest first.
pub async fn latest_events(
    services: &Services,
    actor: &Actor,
    limit: u32,
) -> Result<Vec<(DeviceId, String, DeviceEvent)>, AppError> {
    let _ = (services, actor, limit);
    Err(AppError::Unavailable)
}

/// Sets or (empty) clears the actor's own name for a device.
pub async fn set_nickname(
    services: &Services,
    viewer: &ViewerOf,
    nickname: &str,
) -> Result<(), AppError> {
    let _ = (services, viewer, nickname);
    Err(AppError::Unavailable)
}

/// Gives a device up: voids its secret, removes everybody's access, tells it to reset.
pub async fn unlink(services: &Services, owner: &OwnerOf) -> Result<(), AppError> {
    let _ = (services, owner);
    Err(AppError::Unavailable)
}

/// Revokes a device's certificates and ends its session at once.
pub async fn revoke(services: &Services, admin: &Admin, device: DeviceId) -> Result<(), AppError> {
    let _ = (services, admin, device);
    Err(AppError::Unavailable)
}
