//! What a device says of itself after each connect, and that it has erased a former ownership.

use domain::{
    AppError, DeviceId,
    event::{EventKind, Severity},
    live::LiveEvent,
};
use protocol::{Topic, identity::Identity};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;

use super::{
    claim::{entity_of, tell_owner},
    unlink::tell_reset,
};
use crate::{Services, events, internal};

/// Keeps what a device said it is; tells of it where it changed.
pub async fn identified(
    services: &Services,
    device: DeviceId,
    identity: &Identity,
) -> Result<(), AppError> {
    let row = entity_of(services, device).await?;
    let id = row.id;
    let said = serde_json::to_value(identity).map_err(internal)?;
    let changed = row.identity.as_ref() != Some(&said);
    let mut change: entity::device::ActiveModel = row.into();
    change.identity = Set(Some(said));
    change.identity_ms = Set(Some(services.now().0));
    change.agent_version = Set(identity
        .versions
        .agent
        .as_ref()
        .map(|version| version.chars().take(64).collect()));
    change.update(&services.db.write).await.map_err(internal)?;
    if changed {
        let (kind, severity) = (EventKind::Identified, Severity::Info);
        let detail = json!({ "agent": identity.versions.agent, "os": identity.versions.os });
        events::record_in_a_row(services, (id, device), kind, severity, detail).await?;
        services
            .bus
            .publish(vec![LiveEvent::Device { device }])
            .await;
    }
    Ok(())
}

/// The device has erased what belonged to the former ownership: the retained `reset` goes.
pub async fn reset_acknowledged(services: &Services, device: DeviceId) -> Result<(), AppError> {
    let row = entity_of(services, device).await?;
    if !row.reset_pending {
        return Ok(());
    }
    let mut change: entity::device::ActiveModel = row.into();
    change.reset_pending = Set(false);
    change.update(&services.db.write).await.map_err(internal)?;
    take_reset_away(services, device).await;
    Ok(())
}

/// Whether a device is still to erase what belonged to a former ownership: who was given the secret of the present one
/// is not, whatever waits for it on its way.
pub async fn awaits_reset(services: &Services, device: DeviceId) -> Result<bool, AppError> {
    Ok(entity_of(services, device).await?.reset_pending)
}

/// Deletes the retained `reset`.
pub(super) async fn take_reset_away(services: &Services, device: DeviceId) {
    let topic = Topic::Reset(device);
    if let Err(error) = services.link.publish(&topic, Vec::new(), true).await {
        tracing::warn!(%device, %error, "the retained reset was not deleted");
    }
}

/// Publishes what the broker must retain for a device: its owner, and a reset that is not acknowledged.
pub async fn tell_what_is_retained(services: &Services, device: DeviceId) -> Result<(), AppError> {
    let row = entity_of(services, device).await?;
    if row.reset_pending {
        tell_reset(services, device).await;
    }
    tell_owner(services, device).await
}
