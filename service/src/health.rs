//! Trouble that a glance at presence does not show: a device that comes and goes, and one whose clock is wrong.
//!
//! Both are recognised from what is stored anyway, are named while they last, and begin and end with an event.
//! Their thresholds to end are lower than those to begin, so that what is on the edge does not come and go itself.

mod clock;
mod flapping;

use std::time::Duration;

use domain::{
    AppError, DeviceId,
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::device_health::{ActiveModel, Column, Entity, Model};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Services, events, internal};

pub use clock::seen_ahead;

const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks for trouble, until `stop`.
pub async fn watch(services: Services, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = look(&services).await {
            tracing::warn!(%error, "the health of devices could not be looked at");
        }
    }
}

/// Looks once: names what has begun, and ends what is over.
pub async fn look(services: &Services) -> Result<(), AppError> {
    let known = Entity::find()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    flapping::look(services, &known).await?;
    clock::look(services, &known).await
}

/// A device as the trail of events knows it.
#[derive(Debug, Clone, Copy)]
struct Patient {
    id: i64,
    uuid: DeviceId,
}

async fn write(services: &Services, row: Model) -> Result<(), AppError> {
    let row = ActiveModel {
        device_id: Set(row.device_id),
        flapping_since_ms: Set(row.flapping_since_ms),
        flapping_connections: Set(row.flapping_connections),
        skewed_since_ms: Set(row.skewed_since_ms),
        skew_ms: Set(row.skew_ms),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::DeviceId)
                .update_columns([
                    Column::FlappingSinceMs,
                    Column::FlappingConnections,
                    Column::SkewedSinceMs,
                    Column::SkewMs,
                ])
                .to_owned(),
        )
        .exec_without_returning(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(())
}

/// Something began or is over: on the device's page, and in open lists.
async fn tell(
    services: &Services,
    patient: Patient,
    kind: EventKind,
    severity: Severity,
    detail: Value,
) -> Result<(), AppError> {
    events::record(services, patient.id, patient.uuid, kind, severity, detail).await?;
    let changed = LiveEvent::Device {
        device: patient.uuid,
    };
    services.bus.publish(vec![changed]).await;
    Ok(())
}

fn healthy(device_id: i64) -> Model {
    Model {
        device_id,
        flapping_since_ms: None,
        flapping_connections: None,
        skewed_since_ms: None,
        skew_ms: None,
    }
}
