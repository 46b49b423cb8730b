//! Who may connect to the broker: only a certificate whose serial is listed active for its Common Name.

use domain::{AppError, DeviceId, device::Lifecycle};
use protocol::{Principal, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::claim::entity_of;
use crate::{Services, certificates, identity, internal};

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
    let blocked = identity::is_blocked(&services.db.read, row.id).await?;
    let may = !blocked && row.lifecycle != Lifecycle::Revoked.as_str();
    Ok(may.then(|| Principal::Device {
        id: DeviceId(row.uuid),
        claimed: row.lifecycle == Lifecycle::Active.as_str(),
    }))
}

/// A device connected with this serial: the serials it was to replace are no longer needed. One that would not be let
/// in any more is disconnected again: it, or its certificate, was revoked, or it was blocked, while it connected and had
/// no session yet that could be ended.
pub async fn connected_with(
    services: &Services,
    device: DeviceId,
    serial: &str,
) -> Result<(), AppError> {
    let row = entity_of(services, device).await?;
    let current = entity::certificate::Entity::find_by_id(serial.to_owned())
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let is_void = current.as_ref().is_some_and(|c| c.revoked_ms.is_some());
    if is_void || admit_device(services, row).await?.is_none() {
        let name = device.to_string();
        return services.link.disconnect(&name).await.map_err(internal);
    }
    // Without one it came over the listener that asks for none.
    let Some(current) = current else {
        return Ok(());
    };
    let replaced = certificates::replace_older(services, &current).await;
    replaced.map(|_| ())
}
