//! Deleting a device for good: one that was registered by mistake, of which there is nothing to keep.

use domain::{
    AppError, DeviceId,
    device::{Lifecycle, PresenceCause},
    live::LiveEvent,
};
use entity::device_import_line;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, TransactionTrait, sea_query::Expr};
use serde_json::json;

use super::preregister;
use crate::{Admin, Services, apart::commit_then, audit, downlink, internal};

/// Whether a device was never claimed and never connected.
pub(super) fn is_unused(row: &entity::device::Model) -> bool {
    row.lifecycle == Lifecycle::Unclaimed.as_str()
        && row.ownership == 0
        && row.presence_cause == PresenceCause::NeverConnected.as_str()
}

/// Deletes a device that was never claimed and never connected, with its code; its serial number and UUID can be
/// registered again. The conflict `device_used` where it was.
pub async fn delete(services: &Services, admin: &Admin, device: DeviceId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    if !is_unused(&row) {
        return Err(AppError::conflict("device_used"));
    }
    macro_rules! delete {
        ($($table:ident),+) => {$(
            entity::$table::Entity::delete_many()
                .filter(entity::$table::Column::DeviceId.eq(row.id))
                .exec(&transaction)
                .await
                .map_err(internal)?;
        )+};
    }
    delete!(
        certificate,
        component,
        device_access,
        device_event,
        device_health,
        device_live,
        device_tag,
        identity_known,
        job_device,
        refusal,
        search_gram
    );
    // An import still tells what became of each line.
    device_import_line::Entity::update_many()
        .col_expr(
            device_import_line::Column::DeviceId,
            Expr::value(Option::<i64>::None),
        )
        .col_expr(
            device_import_line::Column::Code,
            Expr::value(Option::<Vec<u8>>::None),
        )
        .filter(device_import_line::Column::DeviceId.eq(row.id))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    entity::device::Entity::delete_by_id(row.id)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let (actor, target) = (admin.actor(), Some(device.to_string()));
    let detail = json!({ "cpu_serial": row.cpu_serial, "name": row.name });
    let action = "delete_device";
    audit::record(services, &transaction, actor, action, target, detail).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        let forgotten = services.cache.forget(device).await;
        services
            .bus
            .publish(vec![LiveEvent::Device { device }])
            .await;
        // It may have come just now.
        preregister::end_session(&services, device).await;
        forgotten
    })
    .await
}
