//! A device whose clock is wrong: what it says it sent is not when it came.

use std::collections::HashSet;

use domain::{
    AppError, DeviceId,
    event::{EventKind, Severity},
};
use entity::{device, device_health::Model, device_live};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use serde_json::json;

use super::{Patient, healthy, tell, write};
use crate::{Services, internal};

/// A clock is wrong from here on: more than a network delays a message.
const BEGINS_AT_MS: i64 = 30_000;
/// And right again below.
const ENDS_AT_MS: i64 = 10_000;
/// What has not changed by more is the same to say.
const SAME_WITHIN_MS: i64 = 5_000;

/// Notes how far ahead a clock is whose report was refused for it: nothing is stored with such a report.
pub async fn seen_ahead(
    services: &Services,
    device: DeviceId,
    ahead_ms: i64,
) -> Result<(), AppError> {
    let row = device::Entity::find()
        .select_only()
        .column(device::Column::Id)
        .filter(device::Column::Uuid.eq(device.0))
        .into_tuple::<i64>()
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let Some(id) = row else { return Ok(()) };
    device_live::Entity::update_many()
        .col_expr(device_live::Column::ClockSkewMs, Expr::value(ahead_ms))
        .filter(device_live::Column::DeviceId.eq(id))
        .exec(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(())
}

pub(super) async fn look(services: &Services, known: &[Model]) -> Result<(), AppError> {
    use device_live::Column::{ClockSkewMs, DeviceId as Device};
    let was: HashSet<i64> = known
        .iter()
        .filter(|row| row.skewed_since_ms.is_some())
        .map(|row| row.device_id)
        .collect();
    let wrong = Condition::any()
        .add(ClockSkewMs.gte(BEGINS_AT_MS))
        .add(ClockSkewMs.lte(-BEGINS_AT_MS))
        .add(Device.is_in(was.iter().copied()));
    let rows: Vec<(i64, Option<i64>)> = device_live::Entity::find()
        .select_only()
        .columns([Device, ClockSkewMs])
        .filter(wrong)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let present: HashSet<i64> = rows.iter().map(|(id, _)| *id).collect();
    // One that was given up or deleted has no clock of ours any more.
    let gone = was.iter().filter(|id| !present.contains(id));
    let gone = gone.map(|id| (*id, None));
    for (id, skew) in rows.iter().copied().chain(gone) {
        let skew = skew.unwrap_or(0);
        let before = known.iter().find(|row| row.device_id == id);
        let since = before.and_then(|row| row.skewed_since_ms);
        let is_wrong = match since {
            Some(_) => skew.abs() >= ENDS_AT_MS,
            None => skew.abs() >= BEGINS_AT_MS,
        };
        let said = before.and_then(|row| row.skew_ms).unwrap_or(0);
        let same = is_wrong == since.is_some() && (skew - said).abs() < SAME_WITHIN_MS;
        if same || (!is_wrong && since.is_none()) {
            continue;
        }
        let Some(patient) = patient(services, id).await? else {
            continue;
        };
        let row = before.cloned().unwrap_or_else(|| healthy(id));
        let now = services.now().0;
        let row = Model {
            skewed_since_ms: is_wrong.then_some(since.unwrap_or(now)),
            skew_ms: is_wrong.then_some(skew),
            ..row
        };
        // What the other half has written just now stays.
        let row = merged(services, row).await?;
        write(services, row).await?;
        let detail = json!({ "ahead_ms": skew });
        match (since, is_wrong) {
            (None, true) => {
                tell(
                    services,
                    patient,
                    EventKind::ClockWrong,
                    Severity::Warning,
                    detail,
                )
                .await?;
            }
            (Some(_), false) => {
                tell(
                    services,
                    patient,
                    EventKind::ClockRight,
                    Severity::Info,
                    json!({}),
                )
                .await?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn merged(services: &Services, row: Model) -> Result<Model, AppError> {
    let now = entity::device_health::Entity::find_by_id(row.device_id)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(match now {
        Some(now) => Model {
            skewed_since_ms: row.skewed_since_ms,
            skew_ms: row.skew_ms,
            ..now
        },
        None => row,
    })
}

async fn patient(services: &Services, id: i64) -> Result<Option<Patient>, AppError> {
    let device = device::Entity::find_by_id(id)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(device.map(|device| Patient {
        id,
        uuid: DeviceId(device.uuid),
    }))
}
