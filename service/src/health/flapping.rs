//! A device that comes and goes: many connections within ten minutes.

use std::collections::HashMap;

use domain::{
    AppError, DeviceId,
    device::Presence,
    event::{EventKind, Severity},
};
use entity::{
    device,
    device_event::{Column, Entity},
    device_health::Model,
};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::{Value, json};

use super::{Patient, healthy, tell, write};
use crate::{Services, internal};

/// How far back connections are counted.
const WITHIN_MS: i64 = 10 * 60_000;
/// So many connections are flapping.
const BEGINS_AT: u32 = 6;
/// Not more than so many are not, any more.
const ENDS_AT: u32 = 2;

pub(super) async fn look(services: &Services, known: &[Model]) -> Result<(), AppError> {
    let connections = connections(services).await?;
    let now = services.now().0;
    for (patient, count) in &connections {
        let before = known.iter().find(|row| row.device_id == patient.id);
        let since = before.and_then(|row| row.flapping_since_ms);
        if since.is_none() && *count < BEGINS_AT || since.is_some() && *count <= ENDS_AT {
            continue;
        }
        let connections = i32::try_from(*count).ok();
        if before.is_some_and(|row| since.is_some() && row.flapping_connections == connections) {
            continue;
        }
        let row = Model {
            flapping_since_ms: since.or(Some(now)),
            flapping_connections: connections,
            ..before.cloned().unwrap_or_else(|| healthy(patient.id))
        };
        write(services, row).await?;
        if since.is_none() {
            let detail = json!({ "connections": count });
            tell(
                services,
                *patient,
                EventKind::Flapping,
                Severity::Warning,
                detail,
            )
            .await?;
        }
    }
    for row in known.iter().filter(|row| row.flapping_since_ms.is_some()) {
        let count = connections
            .iter()
            .find(|(patient, _)| patient.id == row.device_id);
        if count.is_some_and(|(_, count)| *count > ENDS_AT) {
            continue;
        }
        let Some(device) = device::Entity::find_by_id(row.device_id)
            .one(&services.db.read)
            .await
            .map_err(internal)?
        else {
            continue;
        };
        let patient = Patient {
            id: device.id,
            uuid: DeviceId(device.uuid),
        };
        let row = Model {
            flapping_since_ms: None,
            flapping_connections: None,
            ..row.clone()
        };
        write(services, row).await?;
        tell(
            services,
            patient,
            EventKind::Steady,
            Severity::Info,
            json!({}),
        )
        .await?;
    }
    Ok(())
}

/// How often devices have connected lately; those that cannot be flapping are left out.
async fn connections(services: &Services) -> Result<Vec<(Patient, u32)>, AppError> {
    let from = services.now().0 - WITHIN_MS;
    let recent = || {
        Entity::find()
            .filter(Column::Kind.eq(EventKind::Presence.as_str()))
            .filter(Column::AtMs.gt(from))
            .filter(Column::DeviceId.is_not_null())
    };
    let busy = recent()
        .select_only()
        .column(Column::DeviceId)
        .group_by(Column::DeviceId)
        .having(Column::Id.count().gt(i64::from(ENDS_AT)))
        .into_query();
    let rows: Vec<(i64, Value)> = recent()
        .select_only()
        .columns([Column::DeviceId, Column::Detail])
        .filter(Column::DeviceId.in_subquery(busy))
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut last: HashMap<i64, Presence> = HashMap::new();
    let mut counts: HashMap<i64, u32> = HashMap::new();
    for (device, detail) in rows {
        let presence = detail.get("presence").and_then(Value::as_str);
        let Some(presence) = presence.and_then(Presence::parse) else {
            continue;
        };
        let before = last.insert(device, presence);
        // One that was silent and speaks again was connected all the time.
        if presence == Presence::Online && before != Some(Presence::Timeout) {
            *counts.entry(device).or_default() += 1;
        }
    }
    let devices: Vec<(i64, uuid::Uuid)> = device::Entity::find()
        .select_only()
        .columns([device::Column::Id, device::Column::Uuid])
        .filter(device::Column::Id.is_in(counts.keys().copied()))
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(devices
        .into_iter()
        .filter_map(|(id, uuid)| {
            let patient = Patient {
                id,
                uuid: DeviceId(uuid),
            };
            Some((patient, *counts.get(&id)?))
        })
        .collect())
}
