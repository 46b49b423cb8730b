//! Revoking: stolen or deleted; its certificates are refused and its session ends at once.

use domain::{
    AppError, DeviceId,
    device::{Lifecycle, Presence},
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::certificate::{Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    TransactionTrait,
};
use serde_json::json;

use crate::{
    Admin, Services, apart::commit_then, audit, commands, downlink, events, internal, presence,
};

/// Revokes a device's certificates and ends its session at once.
pub async fn revoke(services: &Services, admin: &Admin, device: DeviceId) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    let id = row.id;
    let presence = Presence::parse(&row.presence).unwrap_or(Presence::Offline);
    let mut change: entity::device::ActiveModel = row.into();
    change.lifecycle = Set(Lifecycle::Revoked.as_str().to_owned());
    change.status_rank = Set(presence::status_rank(Lifecycle::Revoked, presence));
    change.secret = Set(None);
    change.update(&transaction).await.map_err(internal)?;
    certificates(services, &transaction, id).await?;
    let now = services.now();
    let jobs = commands::ownership_ended(&transaction, id, "device_revoked", now).await?;
    let target = Some(device.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "revoke",
        target,
        json!({}),
    )
    .await?;
    let detail = json!({ "by": admin.actor().user.name });
    let services = services.clone();
    commit_then(transaction, async move {
        services
            .bus
            .publish(vec![LiveEvent::Device { device }])
            .await;
        if let Err(error) = services.link.disconnect(&device.to_string()).await {
            tracing::error!(%device, %error, "the session of a revoked device was not ended");
        }
        let told = jobs.tell(&services).await;
        let (kind, severity) = (EventKind::Revoked, Severity::Warning);
        events::record(&services, id, device, kind, severity, detail).await?;
        told
    })
    .await
}

/// Revokes every certificate of a device; gives how many there were.
pub(crate) async fn certificates<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    device: i64,
) -> Result<u64, AppError> {
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .filter(Column::DeviceId.eq(device))
        .filter(Column::RevokedMs.is_null())
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(revoked.rows_affected)
}
