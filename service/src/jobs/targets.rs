//! Whom a job is for: the devices that were chosen, and why some of them are left out.

use std::collections::{HashMap, HashSet};

use domain::{
    AppError, ComponentKey,
    component::{ComponentCategory, ValueInfo, is_pulsed},
    device::{Lifecycle, Presence},
    job::{StepState, Target},
    role::DeviceRole,
};
use entity::{component, component_type, device, device_access, job_device};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{MOST_DEVICES, read};
use crate::{
    Actor, Services, components,
    devices::{self, matching},
    internal,
};

/// Ids in one statement.
const AT_A_TIME: usize = 1_000;
/// Why a device is left out whose component has only on and off where a level is asked for.
pub(super) const NO_LEVEL: &str = "no_level";

/// A device that was chosen.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) ownership: i64,
    pub(super) presence: Presence,
    /// Why it is left out.
    pub(super) left_out: Option<&'static str>,
}

/// The devices of a target in their order, as they stand now.
pub(super) async fn chosen(
    services: &Services,
    actor: &Actor,
    target: &Target,
) -> Result<Vec<Chosen>, AppError> {
    let ids = ids(services, actor, target).await?;
    if ids.is_empty() {
        return Err(AppError::invalid("target", "no_devices"));
    }
    if ids.len() > MOST_DEVICES {
        return Err(AppError::invalid("target", "too_many_devices"));
    }
    let all = actor.user.role.sees_all_devices();
    let mut chosen = Vec::with_capacity(ids.len());
    for part in ids.chunks(AT_A_TIME) {
        let mut rows: HashMap<i64, device::Model> = device::Entity::find()
            .filter(device::Column::Id.is_in(part.iter().copied()))
            .all(&services.db.read)
            .await
            .map_err(internal)?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let owned: HashSet<i64> = match all {
            true => HashSet::new(),
            false => device_access::Entity::find()
                .select_only()
                .column(device_access::Column::DeviceId)
                .filter(device_access::Column::UserId.eq(actor.user.id.0))
                .filter(device_access::Column::Role.eq(DeviceRole::Owner.as_str()))
                .filter(device_access::Column::DeviceId.is_in(part.iter().copied()))
                .into_tuple::<i64>()
                .all(&services.db.read)
                .await
                .map_err(internal)?
                .into_iter()
                .collect(),
        };
        // In the order in which they were asked for.
        chosen.extend(part.iter().filter_map(|id| {
            let row = rows.remove(id)?;
            let claimed = row.lifecycle == Lifecycle::Active.as_str() && row.secret.is_some();
            let left_out = match (all || owned.contains(&row.id), claimed) {
                (false, _) => Some("not_allowed"),
                (true, false) => Some("device_not_claimed"),
                (true, true) => None,
            };
            Some(Chosen {
                id: row.id,
                name: row.name,
                ownership: row.ownership,
                presence: Presence::parse(&row.presence).unwrap_or(Presence::Offline),
                left_out,
            })
        }));
    }
    Ok(chosen)
}

async fn ids(services: &Services, actor: &Actor, target: &Target) -> Result<Vec<i64>, AppError> {
    match target {
        Target::Devices(wanted) => {
            if wanted.len() > MOST_DEVICES {
                return Err(AppError::invalid("target", "too_many_devices"));
            }
            let mut unique = wanted.clone();
            unique.sort_unstable();
            unique.dedup();
            let mut ids = Vec::with_capacity(unique.len());
            for part in unique.chunks(AT_A_TIME) {
                let seen = devices::visible(services, actor, part).await?;
                if seen.len() != part.len() {
                    return Err(AppError::invalid("target", "unknown_device"));
                }
                let rows: Vec<i64> = device::Entity::find()
                    .select_only()
                    .column(device::Column::Id)
                    .filter(device::Column::Uuid.is_in(part.iter().map(|id| id.0)))
                    .order_by_asc(device::Column::NameKey)
                    .into_tuple()
                    .all(&services.db.read)
                    .await
                    .map_err(internal)?;
                ids.extend(rows);
            }
            Ok(ids)
        }
        Target::Filter(text) => {
            let filter = matching::read(text)?;
            let most = u64::try_from(MOST_DEVICES + 1).map_err(internal)?;
            let found = matching::matching(services, actor, &filter, most).await?;
            Ok(found.into_iter().map(|device| device.id).collect())
        }
        Target::Retry { job, states } => {
            let row = read::visible(services, actor, *job).await?;
            if states.is_empty() || states.iter().any(|state| !state.may_be_retried()) {
                return Err(AppError::invalid("states", "not_retried"));
            }
            job_device::Entity::find()
                .select_only()
                .column(job_device::Column::DeviceId)
                .filter(job_device::Column::JobId.eq(row.id))
                .filter(
                    job_device::Column::State.is_in(states.iter().map(|s: &StepState| s.as_str())),
                )
                .order_by_asc(job_device::Column::Position)
                .into_tuple()
                .all(&services.db.read)
                .await
                .map_err(internal)
        }
    }
}

/// Leaves out those that do not have `component`, or cannot set it; where a `level` is asked for also those whose component
/// has none.
pub(super) async fn with_component(
    services: &Services,
    chosen: &mut [Chosen],
    component: &ComponentKey,
    command: &str,
    level: bool,
) -> Result<(), AppError> {
    let ids: Vec<i64> = chosen.iter().map(|device| device.id).collect();
    let mut having: HashMap<i64, (String, Option<String>)> = HashMap::new();
    for part in ids.chunks(AT_A_TIME) {
        let rows: Vec<(i64, String, Option<String>)> = attached(part)
            .filter(component::Column::Key.eq(component.as_str()))
            .select_only()
            .column(component::Column::DeviceId)
            .column(component::Column::ComponentType)
            .column(component::Column::PinMode)
            .into_tuple()
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let rows = rows.into_iter();
        having.extend(rows.map(|(device, kind, pin_mode)| (device, (kind, pin_mode))));
    }
    let actuators = actuators(services).await?;
    for device in chosen.iter_mut().filter(|device| device.left_out.is_none()) {
        device.left_out = match having.get(&device.id) {
            None => Some("not_attached"),
            Some(_) if command != "set" => None,
            Some((kind, pin_mode)) => {
                match actuators.iter().find(|a| a.row.component_type == *kind) {
                    None => Some("not_an_actuator"),
                    Some(kind) if level && !kind.has_level(pin_mode.as_deref()) => Some(NO_LEVEL),
                    Some(_) => None,
                }
            }
        };
    }
    Ok(())
}

/// The actuators of the devices that are not left out, with how many have each and on how many it has levels.
pub(super) async fn common_actuators(
    services: &Services,
    chosen: &[Chosen],
) -> Result<Vec<domain::job::Actuator>, AppError> {
    let kinds = actuators(services).await?;
    let ids: Vec<i64> = chosen
        .iter()
        .filter(|device| device.left_out.is_none())
        .map(|device| device.id)
        .collect();
    let mut counts = std::collections::BTreeMap::<(String, String), (u32, u32)>::new();
    for part in ids.chunks(AT_A_TIME) {
        let rows: Vec<(String, String, Option<String>, i64)> = attached(part)
            .filter(
                component::Column::ComponentType
                    .is_in(kinds.iter().map(|kind| kind.row.component_type.clone())),
            )
            .select_only()
            .column(component::Column::Key)
            .column(component::Column::ComponentType)
            .column(component::Column::PinMode)
            .column_as(component::Column::Id.count(), "devices")
            .group_by(component::Column::Key)
            .group_by(component::Column::ComponentType)
            .group_by(component::Column::PinMode)
            .into_tuple()
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        for (key, name, pin_mode, devices) in rows {
            let devices = u32::try_from(devices).unwrap_or(0);
            let kind = kinds.iter().find(|kind| kind.row.component_type == name);
            let has_level = kind.is_some_and(|kind| kind.has_level(pin_mode.as_deref()));
            let (all, with_level) = counts.entry((key, name)).or_default();
            *all += devices;
            *with_level += if has_level { devices } else { 0 };
        }
    }
    let mut actuators: Vec<_> = counts
        .into_iter()
        .filter_map(|((key, name), (devices, with_level))| {
            let kind = kinds.iter().find(|kind| kind.row.component_type == name)?;
            Some(domain::job::Actuator {
                component: key.parse().ok()?,
                label_ko: kind.row.display_name_ko.clone(),
                label_en: kind.row.display_name_en.clone(),
                devices,
                with_level,
            })
        })
        .collect();
    actuators.sort_by_key(|actuator| std::cmp::Reverse(actuator.devices));
    Ok(actuators)
}

fn attached(devices: &[i64]) -> sea_orm::Select<component::Entity> {
    component::Entity::find()
        .filter(component::Column::DeviceId.is_in(devices.iter().copied()))
        .filter(component::Column::DetachedMs.is_null())
}

/// A type of actuator.
#[derive(Debug)]
struct Kind {
    row: component_type::Model,
    /// Whether the catalog says that it reports levels.
    says_level: bool,
}

impl Kind {
    /// Whether one at a pin of this mode has levels, as [`domain::component::Component::has_level`] says it.
    fn has_level(&self, pin_mode: Option<&str>) -> bool {
        self.says_level || is_pulsed(pin_mode)
    }
}

async fn actuators(services: &Services) -> Result<Vec<Kind>, AppError> {
    let rows = component_type::Entity::find()
        .filter(component_type::Column::Category.eq(ComponentCategory::Actuator.as_str()))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .map(|row| Kind {
            says_level: components::values(&row).iter().any(ValueInfo::is_level),
            row,
        })
        .collect())
}
