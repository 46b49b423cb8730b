//! A device's twin: what it reported, what is desired of it, and the way from one to the other.
//!
//! Invariant: a wish belongs to one ownership. It changes by a person (a command that is not transient, or
//! a wish alone), or by the end of the command that made it; the server itself only tries to fulfil it.

mod reconcile;
mod wishes;

pub use reconcile::run;
pub(crate) use wishes::{command_ended, followed, is_own, of_device, wish};

use domain::{
    AppError, ComponentKey, DeviceId, TimestampMs,
    component::ComponentCategory,
    live::LiveEvent,
    twin::{Desired, TwinComponent},
};
use entity::desired;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, TransactionTrait,
};
use serde_json::{Map, Value, json};

use crate::{
    Services, ViewerOf,
    apart::commit_then,
    audit,
    commands::{self, MayCommand},
    components, devices, downlink, internal, storable,
};

/// Most bytes of a wish.
const MAX_WISH_BYTES: usize = 8 * 1024;

/// What each component of a device reported, and what is desired of it.
pub async fn read(services: &Services, viewer: &ViewerOf) -> Result<Vec<TwinComponent>, AppError> {
    let device = viewer.device();
    let cached = devices::state(services, device.id, device.uuid).await?;
    let said = cached.reported();
    let mut desired = desired(services, viewer).await?;
    let attached = components::described(&services.db.read, device.id).await?;
    Ok(attached
        .into_iter()
        .map(|component| {
            let mut reported = std::collections::BTreeMap::new();
            let mut reported_at = None;
            for value in &component.values {
                let (key, name) = match value.name.as_str() {
                    "" => (component.key.to_string(), "status".to_owned()),
                    name => (format!("{}_{name}", component.key), name.to_owned()),
                };
                if let Some(scalar) = said.get(&key) {
                    reported.insert(name, scalar.clone());
                    reported_at = reported_at.max(cached.state_at.get(&key).copied());
                }
            }
            let at = desired.iter().position(|d| d.component == component.key);
            TwinComponent {
                desired: at.map(|at| desired.swap_remove(at)),
                component: component.key,
                reported,
                reported_at,
            }
        })
        .collect())
}

/// What is desired of a device's components.
pub async fn desired(services: &Services, viewer: &ViewerOf) -> Result<Vec<Desired>, AppError> {
    of_device(&services.db.read, viewer.device().id).await
}

/// Sets what is desired of an actuator, without a command of one's own: the device is brought to it as
/// soon as it is there.
pub async fn desire(
    services: &Services,
    sender: &impl MayCommand,
    component: &ComponentKey,
    wanted: Map<String, Value>,
) -> Result<(), AppError> {
    let bytes = serde_json::to_vec(&wanted).map_err(internal)?;
    if wanted.is_empty() {
        return Err(AppError::invalid("wanted", "required"));
    }
    if !storable::is_storable(&wanted) {
        return Err(AppError::invalid("wanted", "invalid"));
    }
    if bytes.len() > MAX_WISH_BYTES || protocol::json::parse_object(&bytes).is_err() {
        return Err(AppError::invalid("wanted", "json_object"));
    }
    let device = sender.device();
    let attached = components::described(&services.db.read, device.id).await?;
    let attached = attached.iter().find(|known| known.key == *component);
    let attached = attached.ok_or_else(|| AppError::invalid("component", "not_attached"))?;
    if attached.category != ComponentCategory::Actuator {
        return Err(AppError::invalid("component", "not_an_actuator"));
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let target = downlink::lock_device(&transaction, device.uuid).await?;
    if target.lifecycle != domain::device::Lifecycle::Active.as_str() || target.secret.is_none() {
        return Err(AppError::conflict("device_not_claimed"));
    }
    commands::confirm(sender, &transaction).await?;
    let wanted = Value::Object(wanted);
    wishes::put(
        &transaction,
        wishes::Wish {
            device: device.id,
            component: component.as_str(),
            wanted: wanted.clone(),
            ownership: target.ownership,
            by: Some(sender.actor().user.id.0),
            at_ms: services.now().0,
            command: None,
        },
    )
    .await?;
    audit::record(
        services,
        &transaction,
        sender.actor(),
        "twin.desire",
        Some(device.uuid.to_string()),
        json!({ "component": component, "wanted": wanted }),
    )
    .await?;
    commit_and_tell(services, transaction, device.uuid).await
}

/// Lets go of what is desired of a component: it stays as it is, and nobody brings it back. Gives what was
/// desired, to set it again.
pub async fn let_go(
    services: &Services,
    sender: &impl MayCommand,
    component: &ComponentKey,
) -> Result<Map<String, Value>, AppError> {
    let device = sender.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let target = downlink::lock_device(&transaction, device.uuid).await?;
    let key = (device.id, component.to_string());
    let found = desired::Entity::find_by_id(key.clone())
        .one(&transaction)
        .await
        .map_err(internal)?
        .filter(|row| row.ownership == target.ownership)
        .ok_or(AppError::NotFound)?;
    commands::confirm(sender, &transaction).await?;
    desired::Entity::delete_by_id(key)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    audit::record(
        services,
        &transaction,
        sender.actor(),
        "twin.let_go",
        Some(device.uuid.to_string()),
        json!({ "component": component, "wanted": found.wanted }),
    )
    .await?;
    commit_and_tell(services, transaction, device.uuid).await?;
    Ok(found.wanted.as_object().cloned().unwrap_or_default())
}

/// Lets the server try again what it has given up.
pub async fn try_again(
    services: &Services,
    sender: &impl MayCommand,
    component: &ComponentKey,
) -> Result<(), AppError> {
    let device = sender.device();
    let found = desired::Entity::find_by_id((device.id, component.to_string()))
        .one(&services.db.write)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let mut change: desired::ActiveModel = found.into();
    change.attempts = Set(0);
    change.next_ms = Set(services.now().0);
    change.update(&services.db.write).await.map_err(internal)?;
    tell(services, device.uuid).await;
    Ok(())
}

async fn commit_and_tell(
    services: &Services,
    transaction: DatabaseTransaction,
    device: DeviceId,
) -> Result<(), AppError> {
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, device).await;
        Ok(())
    })
    .await
}

/// Tells pages, and the task that fulfils wishes, that a device's have changed.
pub(crate) async fn tell(services: &Services, device: DeviceId) {
    services.bus.publish(vec![LiveEvent::Twin { device }]).await;
}

fn time(ms: i64) -> TimestampMs {
    TimestampMs(ms)
}
