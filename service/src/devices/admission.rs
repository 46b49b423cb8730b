//! Who may connect to the broker: only a certificate whose serial is listed active for its Common Name.

use domain::{AppError, DeviceId, device::Lifecycle};
use protocol::{Principal, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, TransactionTrait};

use super::claim::entity_of;
use crate::{Services, internal};

/// The Common Name of the site's own programs, such as an ingest beside an external broker.
pub const SERVICE_NAME: &str = "madang-ingest";

/// Who a certificate with this Common Name and serial speaks for; `None` where it is not listed active.
pub async fn admit(
    services: &Services,
    common_name: &str,
    serial: &str,
) -> Result<Option<Principal>, AppError> {
    let certificate = entity::certificate::Entity::find_by_id(serial.to_owned())
        .filter(entity::certificate::Column::RevokedMs.is_null())
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let Some(certificate) = certificate else {
        return Ok(None);
    };
    if let Some(device) = certificate.device_id {
        let row = entity::device::Entity::find_by_id(device)
            .one(&services.db.read)
            .await
            .map_err(internal)?;
        let named = row.filter(|row| row.uuid.to_string() == common_name);
        return match named {
            Some(row) => admit_device(services, row).await,
            None => Ok(None),
        };
    }
    if let Some(user) = certificate.user_id {
        let row = entity::user::Entity::find_by_id(user)
            .one(&services.db.read)
            .await
            .map_err(internal)?;
        return match row
            .filter(|row| row.disabled_ms.is_none() && row.id.to_string() == common_name)
        {
            Some(row) => Ok(Some(Principal::App {
                user: UserId(row.id),
                email: row.email.parse().map_err(internal)?,
            })),
            None => Ok(None),
        };
    }
    Ok(None)
}

/// Which device is meant by this id, where no certificate says so: on the plain listener of a developer's own
/// machine. `None` where there is none that may connect.
pub async fn admit_plain(
    services: &Services,
    device: DeviceId,
) -> Result<Option<Principal>, AppError> {
    match entity_of(services, device).await {
        Ok(row) => admit_device(services, row).await,
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn admit_device(
    services: &Services,
    row: entity::device::Model,
) -> Result<Option<Principal>, AppError> {
    let blocked = entity::identity_known::Entity::find_by_id(row.id)
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .is_some_and(|known| known.blocked_ms.is_some());
    let may = !blocked && row.lifecycle != Lifecycle::Revoked.as_str();
    Ok(may.then(|| Principal::Device {
        id: DeviceId(row.uuid),
        claimed: row.lifecycle == Lifecycle::Active.as_str(),
    }))
}

/// A device connected with this serial: the serials it was to replace are no longer needed. One that was
/// revoked while it connected is disconnected again.
pub async fn connected_with(
    services: &Services,
    device: DeviceId,
    serial: &str,
) -> Result<(), AppError> {
    use entity::certificate::{Column, Entity};
    let row = entity_of(services, device).await?;
    let Some(current) = Entity::find_by_id(serial.to_owned())
        .one(&services.db.read)
        .await
        .map_err(internal)?
    else {
        return Ok(());
    };
    if current.revoked_ms.is_some() || row.lifecycle == Lifecycle::Revoked.as_str() {
        let name = device.to_string();
        return services.link.disconnect(&name).await.map_err(internal);
    }
    let older = Column::IssuedMs.lt(current.issued_ms);
    let superseded = Entity::find()
        .filter(Column::DeviceId.eq(row.id))
        .filter(Column::RevokedMs.is_null())
        .filter(older.clone())
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    if superseded.is_none() {
        return Ok(());
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .filter(Column::DeviceId.eq(row.id))
        .filter(Column::RevokedMs.is_null())
        .filter(older)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)
}
