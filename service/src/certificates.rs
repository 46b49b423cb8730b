//! The certificates that the site issued: who holds which, and refusing one for good.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId, TimestampMs, UserId,
    certificate::{CertificateState, DeviceCertificate},
};
use entity::certificate::{self, Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait, sea_query::Expr,
};
use serde::Serialize;
use serde_json::json;

use crate::{Admin, Services, apart::commit_then, audit, devices, internal};

/// Certificates of one device that are listed.
const MOST_LISTED: u64 = 100;

/// Who connects with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A device.
    Device(DeviceId),
    /// An installation of a person's app.
    App(UserId),
    /// Somebody who was deleted.
    Nobody,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// Lower-case hex.
    pub serial: String,
    /// Who connects with it.
    pub holder: Holder,
    /// What an app installation is called.
    pub label: Option<String>,
    /// When it was issued.
    pub issued_at: TimestampMs,
    /// When it ends.
    pub expires_at: TimestampMs,
    /// Since when it is refused.
    pub revoked_at: Option<TimestampMs>,
}

/// The certificates, newest first; `all` names also those that are revoked or have ended.
pub async fn list(services: &Services, _: &Admin, all: bool) -> Result<Vec<Issued>, AppError> {
    let mut query = Entity::find()
        .order_by_desc(Column::IssuedMs)
        .order_by_asc(Column::Serial);
    if !all {
        query = query
            .filter(Column::RevokedMs.is_null())
            .filter(Column::ExpiresMs.gt(services.now().0));
    }
    let rows = query.all(&services.db.read).await.map_err(internal)?;
    let devices = uuids(services).await?;
    let issued = rows.into_iter().map(|row| issued(row, &devices));
    Ok(issued.collect())
}

async fn uuids(services: &Services) -> Result<HashMap<i64, uuid::Uuid>, AppError> {
    use entity::device::{Column, Entity};
    let pairs: Vec<(i64, uuid::Uuid)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Uuid])
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(pairs.into_iter().collect())
}

fn issued(row: certificate::Model, devices: &HashMap<i64, uuid::Uuid>) -> Issued {
    let device = row.device_id.and_then(|id| devices.get(&id).copied());
    let holder = match (device, row.user_id) {
        (Some(device), _) => Holder::Device(DeviceId(device)),
        (None, Some(user)) => Holder::App(UserId(user)),
        (None, None) => Holder::Nobody,
    };
    Issued {
        serial: row.serial,
        holder,
        label: row.label,
        issued_at: TimestampMs(row.issued_ms),
        expires_at: TimestampMs(row.expires_ms),
        revoked_at: row.revoked_ms.map(TimestampMs),
    }
}

/// The certificates of one device, newest first and at most the last hundred, and what became of each.
pub async fn of_device(
    services: &Services,
    _: &Admin,
    device: DeviceId,
) -> Result<Vec<DeviceCertificate>, AppError> {
    let device: i64 = entity::device::Entity::find()
        .select_only()
        .column(entity::device::Column::Id)
        .filter(entity::device::Column::Uuid.eq(device.0))
        .into_tuple()
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let rows = Entity::find()
        .filter(Column::DeviceId.eq(device))
        .order_by_desc(Column::IssuedMs)
        .order_by_asc(Column::Serial)
        .limit(MOST_LISTED)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let now = services.now();
    Ok(rows.into_iter().map(|row| told(row, now)).collect())
}

fn told(row: certificate::Model, now: TimestampMs) -> DeviceCertificate {
    // What came after its time did not end it.
    let in_time = row.revoked_ms.filter(|at| *at < row.expires_ms);
    let is_over = row.revoked_ms.is_some() || row.expires_ms <= now.0;
    let (state, ended_ms) = match (in_time, &row.replaced_by) {
        (Some(ended), Some(_)) => (CertificateState::Replaced, Some(ended)),
        (Some(ended), None) => (CertificateState::Revoked, Some(ended)),
        (None, _) if is_over => (CertificateState::Expired, Some(row.expires_ms)),
        (None, _) => (CertificateState::Active, None),
    };
    DeviceCertificate {
        serial: row.serial,
        state,
        issued_at: TimestampMs(row.issued_ms),
        expires_at: TimestampMs(row.expires_ms),
        ended_at: ended_ms.map(TimestampMs),
        replaced_by: row.replaced_by,
    }
}

/// Lets the older certificates of the same device or installation in no more, now that `current` is in use; gives their
/// serial numbers.
pub(crate) async fn replace_older(
    services: &Services,
    current: &certificate::Model,
) -> Result<Vec<String>, AppError> {
    let same = match (current.device_id, current.user_id, &current.installation) {
        (Some(device), ..) => Condition::all().add(Column::DeviceId.eq(device)),
        (None, Some(user), Some(installation)) => Condition::all()
            .add(Column::UserId.eq(user))
            .add(Column::Installation.eq(installation.as_str())),
        _ => return Ok(Vec::new()),
    };
    let older = same
        .add(Column::RevokedMs.is_null())
        .add(Column::IssuedMs.lt(current.issued_ms));
    let serials: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Serial)
        .filter(older.clone())
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    if serials.is_empty() {
        return Ok(serials);
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .col_expr(Column::ReplacedBy, Expr::value(current.serial.clone()))
        .filter(older)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    Ok(serials)
}

/// Issues a device another certificate, for the key of this signing request (PEM); those that it has stay until the
/// new one connects. `Gone` where the device is revoked.
pub async fn issue(
    services: &Services,
    admin: &Admin,
    device: DeviceId,
    csr: &str,
) -> Result<String, AppError> {
    devices::issue_certificate(services, admin, device, csr).await
}

/// Refuses this certificate for good and ends the holder's session; its other certificates stay. Revoking
/// one that is revoked is a conflict.
pub async fn revoke(services: &Services, admin: &Admin, serial: &str) -> Result<Issued, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = Entity::find_by_id(serial.to_owned())
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    if row.revoked_ms.is_some() {
        return Err(AppError::conflict("certificate_revoked"));
    }
    let mut devices = HashMap::new();
    if let Some(device) = row.device_id {
        // A renewal that has found this certificate good is over first, or finds that it is not.
        let holder = entity::device::Entity::find_by_id(device)
            .lock_exclusive()
            .one(&transaction)
            .await
            .map_err(internal)?;
        devices.extend(holder.map(|holder| (holder.id, holder.uuid)));
    }
    let mut change: certificate::ActiveModel = row.into();
    change.revoked_ms = Set(Some(services.now().0));
    let row = change.update(&transaction).await.map_err(internal)?;
    let target = Some(row.serial.clone());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "certificates.revoke",
        target,
        json!({ "device_id": row.device_id, "user_id": row.user_id }),
    )
    .await?;
    let revoked = issued(row, &devices);
    let services = services.clone();
    commit_then(transaction, async move {
        let ended = match revoked.holder {
            Holder::Device(device) => services.link.disconnect(&device.to_string()).await,
            Holder::App(user) => services.link.disconnect_app(user, &revoked.serial).await,
            Holder::Nobody => Ok(()),
        };
        if let Err(error) = ended {
            let serial = &revoked.serial;
            tracing::error!(%serial, %error, "the session of a revoked certificate was not ended");
        }
        Ok(revoked)
    })
    .await
}
