//! What is attached to a device, for people and for the device itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{
    AppError, ComponentType, DeviceId, TimestampMs,
    catalog::{
        AttachedComponent, CatalogComponent, ComponentHealth, DefaultState, PinHeader, PinMode,
        Reporting,
    },
    component::ComponentCategory,
};
use entity::{component, component_type, device};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{attached, owner_of_key};
use crate::{
    Services, ViewerOf,
    catalog::{hardware, rules, types},
    internal,
};

/// What is attached to a device, in the order of attaching.
pub async fn list(
    services: &Services,
    viewer: &ViewerOf,
) -> Result<Vec<AttachedComponent>, AppError> {
    read(services, viewer.device().uuid).await
}

/// The same for the device itself, which its token has proven.
pub async fn list_for_device(
    services: &Services,
    device: DeviceId,
) -> Result<Vec<AttachedComponent>, AppError> {
    read(services, device).await
}

async fn read(services: &Services, device: DeviceId) -> Result<Vec<AttachedComponent>, AppError> {
    let db = &services.db.read;
    let of = device::Entity::find()
        .filter(device::Column::Uuid.eq(device.0))
        .one(db)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let rows = attached(db, of.id).await?;
    let allowed = allowed(db, &of, &rows).await?;
    let kinds = kinds_of(db, &rows).await?;
    let states = services.cache.get(&[device]).await?;
    let state_at = states.get(&device).map(|state| &state.state_at);
    let last = state_at
        .map(|at| last_reports(&rows, at))
        .unwrap_or_default();
    rows.iter()
        .map(|row| {
            let kind = kinds
                .get(&row.component_type)
                .ok_or_else(|| internal(format!("no type `{}`", row.component_type)))?;
            let last_report_at = last.get(row.key.as_str()).copied();
            Ok(AttachedComponent {
                id: row.id,
                key: row.key.parse().map_err(internal)?,
                component_type: kind.component_type.clone(),
                name: row.name.clone(),
                category: kind.category,
                pin_number: row.pin_number,
                pin_mode: row.pin_mode.as_deref().and_then(PinMode::parse),
                default_state: row.default_state.as_deref().and_then(DefaultState::parse),
                address: row.address.clone(),
                attached_at: TimestampMs(row.attached_ms),
                last_report_at,
                health: health(row, kind, last_report_at, &allowed),
                silent_since: row.silent_since_ms.map(TimestampMs),
            })
        })
        .collect()
}

fn health(
    row: &component::Model,
    kind: &CatalogComponent,
    last: Option<TimestampMs>,
    allowed: &HashSet<i64>,
) -> ComponentHealth {
    match (allowed.contains(&row.id), row.silent_since_ms, last) {
        (false, _, _) => ComponentHealth::NotAllowed,
        (true, Some(_), _) => ComponentHealth::Silent,
        (true, None, None) if kind.reporting() == Reporting::Interval => ComponentHealth::Waiting,
        _ => ComponentHealth::Well,
    }
}

/// When each component last reported anything that stands in the state.
pub(super) fn last_reports<'a>(
    rows: &'a [component::Model],
    state_at: &BTreeMap<String, TimestampMs>,
) -> HashMap<&'a str, TimestampMs> {
    let mut last: HashMap<&str, TimestampMs> = HashMap::new();
    for (state_key, at) in state_at {
        let keys = rows.iter().map(|row| row.key.as_str());
        if let Some(key) = owner_of_key(keys, state_key) {
            let latest = last.entry(key).or_insert(*at);
            *latest = Ord::max(*latest, *at);
        }
    }
    last
}

/// The types of these components; a deleted one, too.
pub(super) async fn kinds_of<C: ConnectionTrait>(
    connection: &C,
    rows: &[component::Model],
) -> Result<HashMap<String, CatalogComponent>, AppError> {
    let names: HashSet<&str> = rows.iter().map(|row| row.component_type.as_str()).collect();
    let found = component_type::Entity::find()
        .filter(component_type::Column::ComponentType.is_in(names))
        .all(connection)
        .await
        .map_err(internal)?;
    found
        .into_iter()
        .map(|row| Ok((row.component_type.clone(), types::from_row(row)?)))
        .collect()
}

/// Which of these components the pin rules of the device's hardware allow. Internal modules need no pin.
pub(crate) async fn allowed<C: ConnectionTrait>(
    connection: &C,
    device: &device::Model,
    rows: &[component::Model],
) -> Result<HashSet<i64>, AppError> {
    let mut allowed = HashSet::new();
    let kinds = kinds_of(connection, rows).await?;
    let (internal_modules, wired): (Vec<_>, Vec<_>) = rows.iter().partition(|row| {
        let kind = kinds.get(&row.component_type);
        kind.is_some_and(|kind| kind.category == ComponentCategory::InternalModule)
    });
    allowed.extend(internal_modules.iter().map(|row| row.id));
    if wired.is_empty() {
        return Ok(allowed);
    }
    let rules = rules::applying(connection, device, None).await?;
    let fits = |row: &component::Model| {
        let kind: Option<ComponentType> = row.component_type.parse().ok();
        rules.iter().any(|rule| {
            Some(&rule.wiring.component_type) == kind.as_ref()
                && rule.wiring.pin_number == row.pin_number
                && rule.wiring.pin_mode.map(PinMode::as_str) == row.pin_mode.as_deref()
        })
    };
    allowed.extend(wired.iter().filter(|row| fits(row)).map(|row| row.id));
    Ok(allowed)
}

/// What may be attached to a device: the pins that it has, and the types that its hardware's rules allow.
pub async fn attachable(
    services: &Services,
    viewer: &ViewerOf,
) -> Result<(PinHeader, Vec<CatalogComponent>), AppError> {
    let db = &services.db.read;
    let of = device::Entity::find_by_id(viewer.device().id)
        .one(db)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let model = hardware::version(db, &of.hardware_version).await?;
    let rules = rules::applying(db, &of, None).await?;
    let allowed: HashSet<ComponentType> = rules
        .into_iter()
        .map(|rule| rule.wiring.component_type)
        .collect();
    let mut kinds = types::all(db).await?;
    kinds.retain(|kind| {
        kind.category == ComponentCategory::InternalModule || allowed.contains(&kind.component_type)
    });
    Ok((model.map_or(PinHeader::None, |model| model.header), kinds))
}
