//! Forcing a state: somebody who debugs sets a value by hand, and it is said to be forced wherever it is shown.
//!
//! Invariant: no report is made of it. History, charts and what the twin compares are what the device said; the next
//! report of the value ends it, and so does its undoing.

use domain::{
    AppError, DeviceId, TimestampMs,
    component::Component,
    device::{Lifecycle, StateMap},
    event::{EventKind, Severity},
    forced::Forced,
    live::LiveEvent,
};
use protocol::Scalar;
use sea_orm::TransactionTrait;
use serde_json::json;

use crate::{
    Services,
    apart::commit_then,
    audit,
    commands::{self, MayCommand},
    components, downlink, events, internal,
    state_cache::CachedState,
    telemetry::{Held, HeldState, rewrite},
};

/// Most characters of a text.
const MOST_CHARS: usize = 64;

/// Sets the value under a key of a device's state, such as `led` or `dht22_temp`.
pub async fn force(
    services: &Services,
    sender: &impl MayCommand,
    key: &str,
    value: Scalar,
) -> Result<(), AppError> {
    let device = sender.device();
    let attached = components::described(&services.db.read, device.id).await?;
    if !has_key(&attached, key) {
        return Err(AppError::invalid("key", "not_attached"));
    }
    check(&value)?;
    let by = sender.actor().user.name.clone();
    let at = services.now();
    let set = |state: &mut HeldState| {
        let (before, measured) = match state.remove(key) {
            Some(Held(_, measured, Some(forced))) => (forced.before, measured),
            Some(Held(reported, measured, None)) => (Some(reported), measured),
            None => (None, TimestampMs(0)),
        };
        if let Some(before) = &before
            && std::mem::discriminant(before) != std::mem::discriminant(&value)
        {
            return Err(AppError::invalid("value", "value_type"));
        }
        let forced = Forced {
            by: by.clone(),
            at,
            before,
        };
        let held = Held(value.clone(), measured, Some(Box::new(forced)));
        state.insert(key.to_owned(), held);
        Ok(())
    };
    let detail = json!({ "key": key, "value": value, "by": by });
    let kind = EventKind::StateForced;
    write(services, sender, key, "state.force", detail, kind, set).await
}

/// Puts back what the device reported last; `NotFound` where the value is not forced.
pub async fn release(
    services: &Services,
    sender: &impl MayCommand,
    key: &str,
) -> Result<(), AppError> {
    let put_back = |state: &mut HeldState| {
        let Some(Held(_, measured, Some(forced))) = state.remove(key) else {
            return Err(AppError::NotFound);
        };
        if let Some(before) = forced.before {
            state.insert(key.to_owned(), Held(before, measured, None));
        }
        Ok(())
    };
    let by = &sender.actor().user.name;
    let detail = json!({ "key": key, "by": by });
    let kind = EventKind::StateReleased;
    write(
        services,
        sender,
        key,
        "state.release",
        detail,
        kind,
        put_back,
    )
    .await
}

async fn write(
    services: &Services,
    sender: &impl MayCommand,
    key: &str,
    action: &str,
    detail: serde_json::Value,
    kind: EventKind,
    change: impl FnOnce(&mut HeldState) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let device = sender.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let target = downlink::lock_device(&transaction, device.uuid).await?;
    if target.lifecycle != Lifecycle::Active.as_str() {
        return Err(AppError::conflict("device_not_claimed"));
    }
    commands::confirm(sender, &transaction).await?;
    let cached = rewrite(services, &transaction, device, target.ownership, change).await?;
    let (actor, of) = (sender.actor(), Some(device.uuid.to_string()));
    audit::record(services, &transaction, actor, action, of, detail.clone()).await?;
    let told = told(services, device.uuid, key, &cached);
    let severity = match kind {
        EventKind::StateForced => Severity::Warning,
        _ => Severity::Info,
    };
    let services = services.clone();
    commit_then(transaction, async move {
        let put = services.cache.put(vec![(device.uuid, cached)]).await;
        services.bus.publish(vec![told]).await;
        events::record(&services, device.id, device.uuid, kind, severity, detail).await?;
        put
    })
    .await
}

fn told(services: &Services, device: DeviceId, key: &str, cached: &CachedState) -> LiveEvent {
    let now = services.now();
    let value = cached.state.get(key);
    LiveEvent::State {
        device,
        revision: cached.revision,
        at: now,
        received_at: now,
        changed: value
            .map(|value| StateMap::from([(key.to_owned(), value.clone())]))
            .unwrap_or_default(),
    }
}

fn has_key(attached: &[Component], key: &str) -> bool {
    attached.iter().any(|component| {
        component
            .values
            .iter()
            .any(|value| match value.name.as_str() {
                "" => component.key.as_str() == key,
                name => key == format!("{}_{name}", component.key),
            })
    })
}

fn check(value: &Scalar) -> Result<(), AppError> {
    match value {
        Scalar::Text(text) if text.is_empty() => Err(AppError::invalid("value", "required")),
        Scalar::Text(text)
            if text.chars().count() > MOST_CHARS || text.chars().any(char::is_control) =>
        {
            Err(AppError::invalid("value", "invalid"))
        }
        Scalar::Number(number) if !number.is_finite() => Err(AppError::invalid("value", "invalid")),
        _ => Ok(()),
    }
}
