//! Component health: one that fell silent while its device speaks is marked, and told of once.
//!
//! Both times are the device's own, so that its clock does not matter: a component is silent when its device
//! has reported other things for three report intervals, and at least 15 s, since its last word.

use std::{collections::HashMap, time::Duration};

use domain::{
    AppError, DeviceId, TimestampMs,
    catalog::Reporting,
    device::{Lifecycle, Presence},
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::{component, device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::list::{kinds_of, last_reports};
use crate::{Services, events, internal, state_cache::CachedState};

/// How often everything is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Devices that are looked at together.
const TOGETHER: u64 = 500;
/// The shortest silence that counts, in milliseconds.
const LEAST_MS: i64 = 15_000;
/// Report intervals that may pass without a word.
const INTERVALS: i64 = 3;

/// Looks after the components of all devices until `stop`.
pub async fn watch(services: Services, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = judge(&services).await {
            tracing::warn!(%error, "the health of components could not be told");
        }
    }
}

/// Marks what fell silent on devices that speak, and takes the mark from what reports again.
pub async fn judge(services: &Services) -> Result<(), AppError> {
    let mut after = 0;
    loop {
        let devices = device::Entity::find()
            .filter(device::Column::Id.gt(after))
            .filter(device::Column::Lifecycle.eq(Lifecycle::Active.as_str()))
            .filter(device::Column::Presence.eq(Presence::Online.as_str()))
            .order_by_asc(device::Column::Id)
            .limit(TOGETHER)
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let Some(last) = devices.last() else {
            return Ok(());
        };
        after = last.id;
        judge_these(services, &devices).await?;
    }
}

async fn judge_these(services: &Services, devices: &[device::Model]) -> Result<(), AppError> {
    let ids: Vec<DeviceId> = devices.iter().map(|device| DeviceId(device.uuid)).collect();
    let states = services.cache.get(&ids).await?;
    let rows = component::Entity::find()
        .filter(component::Column::DeviceId.is_in(devices.iter().map(|device| device.id)))
        .filter(component::Column::DetachedMs.is_null())
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let kinds = kinds_of(&services.db.read, &rows).await?;
    let mut by_device: HashMap<i64, Vec<component::Model>> = HashMap::new();
    for row in rows {
        by_device.entry(row.device_id).or_default().push(row);
    }
    for device in devices {
        let (Some(rows), Some(state)) = (
            by_device.remove(&device.id),
            states.get(&DeviceId(device.uuid)),
        ) else {
            continue;
        };
        for (row, since) in changed(device, &rows, state, |row| {
            let kind = kinds.get(&row.component_type);
            kind.is_some_and(|kind| kind.reporting() == Reporting::Interval)
        }) {
            mark(services, device, row, since).await?;
        }
    }
    Ok(())
}

/// The components whose mark is to change, and to what.
fn changed<'a>(
    device: &device::Model,
    rows: &'a [component::Model],
    state: &CachedState,
    is_expected: impl Fn(&component::Model) -> bool,
) -> Vec<(&'a component::Model, Option<TimestampMs>)> {
    let last = last_reports(rows, &state.state_at);
    let Some(spoke) = last.values().max().copied() else {
        return Vec::new();
    };
    let patience = Ord::max(INTERVALS * device.report_interval_ms, LEAST_MS);
    rows.iter()
        .filter(|row| is_expected(row))
        .filter_map(|row| {
            // One that has never reported has not fallen silent: it waits for its first report.
            let own = last.get(row.key.as_str())?;
            let since = (spoke.since(*own) > patience).then_some(*own);
            (since.is_some() != row.silent_since_ms.is_some()).then_some((row, since))
        })
        .collect()
}

async fn mark(
    services: &Services,
    device: &device::Model,
    row: &component::Model,
    since: Option<TimestampMs>,
) -> Result<(), AppError> {
    let change = component::ActiveModel {
        id: Set(row.id),
        silent_since_ms: Set(since.map(|since| since.0)),
        ..Default::default()
    };
    change.update(&services.db.write).await.map_err(internal)?;
    let uuid = DeviceId(device.uuid);
    let (kind, severity) = match since {
        Some(_) => (EventKind::ComponentSilent, Severity::Warning),
        None => (EventKind::ComponentSpeaks, Severity::Info),
    };
    let detail = json!({ "component": row.key, "name": row.name, "since": since });
    events::record(services, device.id, uuid, kind, severity, detail).await?;
    let changed = LiveEvent::Device { device: uuid };
    services.bus.publish(vec![changed]).await;
    Ok(())
}
