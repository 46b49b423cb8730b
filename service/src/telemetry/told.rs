//! What is told of a batch after its commit: to the deadlines, the events and the live bus. None of it can undo the
//! commit.

use domain::{
    event::{EventKind, Severity},
    live::LiveEvent,
};

use super::touched::Touched;
use crate::{Services, events, presence};

/// Tells of these devices.
pub(super) async fn tell(services: &Services, committed: Vec<Touched>) {
    if committed.is_empty() {
        return;
    }
    let alive: Vec<_> = committed
        .iter()
        .map(|d| (d.uuid, d.received_at, d.report_interval_ms))
        .collect();
    if let Err(error) = presence::alive(services, &alive).await {
        tracing::warn!(%error, "deadlines were not moved for {} devices", alive.len());
    }
    for device in &committed {
        if let Some(late) = device.late {
            events::late(services, device.id, device.uuid, late).await;
        }
    }
    for device in &committed {
        for key in &device.released {
            released(services, device, key).await;
        }
    }
    services.bus.publish(live_events(committed)).await;
}

async fn released(services: &Services, device: &Touched, key: &str) {
    let (kind, detail) = (EventKind::StateReleased, serde_json::json!({ "key": key }));
    let (id, uuid) = (device.id, device.uuid);
    let recorded = events::record(services, id, uuid, kind, Severity::Info, detail).await;
    if let Err(error) = recorded {
        tracing::error!(%error, device = %uuid, "that a forced state has ended was not written down");
    }
}

/// What the pages that watch these devices are told.
fn live_events(committed: Vec<Touched>) -> Vec<LiveEvent> {
    let earlier = committed.iter().filter(|device| device.earlier);
    let mut events: Vec<_> = earlier
        .map(|device| LiveEvent::History {
            device: device.uuid,
        })
        .collect();
    let changed = committed
        .into_iter()
        .filter(|device| !device.changed.is_empty());
    events.extend(changed.map(|device| LiveEvent::State {
        device: device.uuid,
        revision: device.revision,
        at: device.measured_at,
        received_at: device.received_at,
        changed: device.changed,
    }));
    events
}
