//! Another UUID for a device, where two have the same: its certificates are void, because they carry the old one.

use domain::{AppError, DeviceId, device::Lifecycle, live::LiveEvent};
use entity::device::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, TransactionTrait,
};
use serde_json::json;

use super::{Preregistered, preregister, revoke};
use crate::{Admin, Services, apart::commit_then, audit, downlink, internal};

/// Gives a device this UUID. Its owner, history and components stay; it enrols again with the code of the answer,
/// and until then nobody connects as it. A conflict where another device has the UUID, `Gone` where it is revoked; one of zeros is refused.
pub async fn set_uuid(
    services: &Services,
    admin: &Admin,
    device: DeviceId,
    uuid: DeviceId,
) -> Result<Preregistered, AppError> {
    let uuid = preregister::checked_uuid(uuid)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    if row.lifecycle == Lifecycle::Revoked.as_str() {
        return Err(AppError::Gone);
    }
    let known = Entity::find()
        .filter(Column::Uuid.eq(uuid.0))
        .one(&transaction)
        .await
        .map_err(internal)?;
    if known.is_some() {
        return Err(AppError::conflict("uuid_known"));
    }
    revoke::certificates(services, &transaction, row.id).await?;
    let mut change: ActiveModel = row.into();
    change.uuid = Set(uuid.0);
    let row = change.update(&transaction).await.map_err(internal)?;
    let made = preregister::new_code(services, &transaction, row).await?;
    let (target, detail) = (Some(uuid.to_string()), json!({ "before": device }));
    let (actor, action) = (admin.actor(), "devices.set_uuid");
    audit::record(services, &transaction, actor, action, target, detail).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        let forgotten = services.cache.forget(device).await;
        preregister::end_session(&services, device).await;
        let told = [device, uuid].map(|device| LiveEvent::Device { device });
        services.bus.publish(told.to_vec()).await;
        forgotten
    })
    .await?;
    Ok(made)
}
