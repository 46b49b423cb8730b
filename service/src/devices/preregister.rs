//! Pre-registration: a serial number becomes a device without an owner, and a code for its label.

use domain::{
    AppError, ComponentType, DeviceId,
    device::{DeviceKind, Lifecycle, Presence, PresenceCause},
    event::{EventKind, Severity},
    live::LiveEvent,
    text::is_unseen,
};
use protocol::enroll::{ClaimLink, EnrollmentCode};
use qrcode::{Color, EcLevel, QrCode, render::svg};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait,
    QueryFilter, SqlErr, TransactionTrait,
};
use serde_json::json;

use super::{NewDevice, Preregistered, enrol, naming, relabel, revoke, search};
use crate::{
    Admin, Services, apart::commit_then, audit, catalog::hardware, components, downlink, events,
    internal, presence,
};

const MAX_SERIAL_CHARS: usize = 128;
const MAX_HARDWARE_CHARS: usize = 32;
/// Internal modules that every computer has.
const COMPUTER: [&str; 6] = ["cpu", "memory", "disk", "network", "temperature", "uptime"];
/// And every board.
const BOARD: [&str; 4] = ["cpu", "memory", "temperature", "uptime"];

/// Pre-registers a device; a serial number that is known is the conflict `serial_known`, a UUID `uuid_known`.
pub async fn preregister(
    services: &Services,
    admin: &Admin,
    device: NewDevice,
) -> Result<Preregistered, AppError> {
    let code = enrol::new_code();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = insert(services, &transaction, device, &code).await?;
    let id = DeviceId(row.uuid);
    let detail = json!({ "cpu_serial": row.cpu_serial });
    let target = Some(id.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "preregister",
        target,
        detail.clone(),
    )
    .await?;
    let made = shown(services, id, &row.cpu_serial, code)?;
    let services = services.clone();
    commit_then(transaction, async move {
        services
            .bus
            .publish(vec![LiveEvent::Device { device: id }])
            .await;
        let (kind, severity) = (EventKind::Preregistered, Severity::Info);
        events::record(&services, row.id, id, kind, severity, detail).await
    })
    .await?;
    Ok(made)
}

/// Writes a device without an owner, with its components, in the caller's transaction.
pub(super) async fn insert(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: NewDevice,
    code: &EnrollmentCode,
) -> Result<entity::device::Model, AppError> {
    let serial = checked("cpu_serial", &device.cpu_serial, MAX_SERIAL_CHARS)?;
    if serial.contains([',', '#']) {
        // They part the fields of the claim link.
        return Err(AppError::invalid("cpu_serial", "serial"));
    }
    let version = checked(
        "hardware_version",
        &device.hardware_version,
        MAX_HARDWARE_CHARS,
    )?;
    let variant = checked(
        "hardware_variant",
        &device.hardware_variant,
        MAX_HARDWARE_CHARS,
    )?;
    let name = match device.name.as_deref().map(str::trim) {
        Some(name) if !name.is_empty() => naming::check(name)?,
        _ => serial.clone(),
    };
    let kinds = match device.components.is_empty() {
        true => defaults(device.kind),
        false => device.components,
    };
    let id = match device.uuid {
        Some(uuid) => checked_uuid(uuid)?,
        None => DeviceId::random(),
    };
    let now = services.now().0;
    hardware::check(transaction, &version, &variant).await?;
    refuse_known(transaction, &serial, id).await?;
    let row = entity::device::ActiveModel {
        uuid: Set(id.0),
        cpu_serial: Set(serial),
        kind: Set(device.kind.as_str().to_owned()),
        hardware_version: Set(version),
        hardware_variant: Set(variant),
        name_key: Set(search::sort_key(&name)),
        name: Set(name),
        lifecycle: Set(Lifecycle::Unclaimed.as_str().to_owned()),
        presence: Set(Presence::Offline.as_str().to_owned()),
        presence_cause: Set(PresenceCause::NeverConnected.as_str().to_owned()),
        presence_since_ms: Set(now),
        status_rank: Set(presence::status_rank(
            Lifecycle::Unclaimed,
            Presence::Offline,
        )),
        ownership: Set(0),
        code_hash: Set(Some(enrol::hash(code))),
        reset_pending: Set(false),
        report_interval_ms: Set(services.site.report_interval_ms),
        created_ms: Set(now),
        server_sequence: Set(0),
        ..Default::default()
    };
    let row = row
        .insert(transaction)
        .await
        .map_err(|e| match e.sql_err() {
            // Another has registered it since; the message names the column, or the index named after it.
            Some(SqlErr::UniqueConstraintViolation(what)) if what.contains("uuid") => {
                AppError::conflict("uuid_known")
            }
            Some(SqlErr::UniqueConstraintViolation(_)) => AppError::conflict("serial_known"),
            _ => internal(e),
        })?;
    for kind in kinds {
        let wish = components::Wish::of(kind);
        components::add(services, transaction, &row, wish)
            .await
            .map_err(of_components)?;
    }
    search::index(transaction, &row).await?;
    Ok(row)
}

/// Refuses a serial number that another device has, and then a UUID.
async fn refuse_known(
    transaction: &DatabaseTransaction,
    serial: &str,
    id: DeviceId,
) -> Result<(), AppError> {
    use entity::device::{Column, Entity};
    let either = Condition::any()
        .add(Column::CpuSerial.eq(serial))
        .add(Column::Uuid.eq(id.0));
    let known = Entity::find()
        .filter(either)
        .all(transaction)
        .await
        .map_err(internal)?;
    if known.iter().any(|row| row.cpu_serial == serial) {
        return Err(AppError::conflict("serial_known"));
    }
    match known.is_empty() {
        true => Ok(()),
        false => Err(AppError::conflict("uuid_known")),
    }
}

/// Makes a new enrolment code for a device that is not claimed; the old one is void, and with it the
/// key that used it and every certificate that was issued for it. One that was revoked waits to be claimed again.
pub async fn renew_code(
    services: &Services,
    admin: &Admin,
    device: DeviceId,
) -> Result<Preregistered, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    if row.lifecycle == Lifecycle::Revoked.as_str() {
        return relabel::relabel(services, admin, transaction, row).await;
    }
    let code = enrol::new_code();
    let (row, revoked) = give_code(services, &transaction, device, &code).await?;
    let made = shown(services, device, &row.cpu_serial, code)?;
    let target = Some(device.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "renew_code",
        target,
        json!({}),
    )
    .await?;
    let services = services.clone();
    commit_then(transaction, async move {
        if revoked > 0 {
            end_session(&services, device).await;
        }
        Ok(())
    })
    .await?;
    Ok(made)
}

/// Gives a device another enrolment code, for a key that has not used one yet.
pub(crate) async fn new_code(
    services: &Services,
    transaction: &DatabaseTransaction,
    row: entity::device::Model,
) -> Result<Preregistered, AppError> {
    let code = enrol::new_code();
    let row = put_code(transaction, row, &code).await?;
    shown(services, DeviceId(row.uuid), &row.cpu_serial, code)
}

async fn put_code(
    transaction: &DatabaseTransaction,
    row: entity::device::Model,
    code: &EnrollmentCode,
) -> Result<entity::device::Model, AppError> {
    let mut row: entity::device::ActiveModel = row.into();
    row.code_hash = Set(Some(enrol::hash(code)));
    row.code_spent_ms = Set(None);
    row.enrolled_key = Set(None);
    row.update(transaction).await.map_err(internal)
}

/// Gives a device that is not claimed another code, in the caller's transaction: its row, and how many of
/// its certificates are void now. Where there are some its session must be ended after the commit.
pub(super) async fn give_code(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: DeviceId,
    code: &EnrollmentCode,
) -> Result<(entity::device::Model, u64), AppError> {
    let row = downlink::lock_device(transaction, device).await?;
    match Lifecycle::parse(&row.lifecycle) {
        Some(Lifecycle::Unclaimed) => {}
        Some(Lifecycle::Revoked) => return Err(AppError::Gone),
        _ => return Err(AppError::conflict("already_claimed")),
    }
    // Whoever enrolled with the old code is not whom the new one is for.
    let revoked = revoke::certificates(services, transaction, row.id).await?;
    let row = put_code(transaction, row, code).await?;
    Ok((row, revoked))
}

pub(super) async fn end_session(services: &Services, device: DeviceId) {
    if let Err(error) = services.link.disconnect(&device.to_string()).await {
        tracing::error!(%device, %error, "the session under an old code was not ended");
    }
}

/// The form has one field for all components.
fn of_components(error: AppError) -> AppError {
    match error {
        AppError::Invalid { message, .. } => AppError::invalid("components", message),
        error => error,
    }
}

fn defaults(kind: DeviceKind) -> Vec<ComponentType> {
    let names: &[&str] = match kind {
        DeviceKind::Computer => &COMPUTER,
        DeviceKind::Board => &BOARD,
    };
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

fn checked(field: &str, text: &str, most: usize) -> Result<String, AppError> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most && !text.chars().any(is_unseen);
    match fits {
        true => Ok(text.to_owned()),
        false => Err(AppError::invalid(field, "serial")),
    }
}

/// A UUID that names a device: of nothing but zeros it says that there is none.
pub(super) fn checked_uuid(uuid: DeviceId) -> Result<DeviceId, AppError> {
    match uuid.0.is_nil() {
        false => Ok(uuid),
        true => Err(AppError::invalid("uuid", "uuid_nil")),
    }
}

/// What the QR code of a label says.
pub(super) fn claim_link(services: &Services, serial: &str, code: EnrollmentCode) -> ClaimLink {
    ClaimLink {
        origin: services.site.public_url.clone(),
        serial: serial.to_owned(),
        code,
        ca_hash: services.pki.ca_hash(),
    }
}

/// A code with its QR code drawn.
pub(super) fn shown(
    services: &Services,
    id: DeviceId,
    serial: &str,
    code: EnrollmentCode,
) -> Result<Preregistered, AppError> {
    let link = claim_link(services, serial, code.clone());
    let qr = QrCode::with_error_correction_level(link.to_string(), EcLevel::M).map_err(internal)?;
    let qr_svg = qr
        .render::<svg::Color<'_>>()
        .min_dimensions(0, 0)
        .quiet_zone(true)
        .build();
    Ok(Preregistered {
        id,
        code,
        link,
        qr_svg,
        qr_modules: qr
            .into_colors()
            .into_iter()
            .map(|module| module == Color::Dark)
            .collect(),
    })
}
