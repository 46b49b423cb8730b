//! Pin rules: which pins of which hardware a type of component may be wired to, and how.

use domain::{
    AppError, Page,
    catalog::{DefaultState, PinMode, PinRule, Wiring},
};
use entity::{
    component, device,
    pin_rule::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::json;

use super::{
    Search, change::Change, checked_words, hardware, is_like, page_of, patterns, types, usage,
};
use crate::{Actor, Admin, Services, internal};

/// The rules of one model, in the order in which pins are given.
pub async fn of_version(
    services: &Services,
    _: &Actor,
    version: &str,
) -> Result<Vec<PinRule>, AppError> {
    hardware::version(&services.db.read, version)
        .await?
        .ok_or(AppError::NotFound)?;
    read(
        &services.db.read,
        Condition::all().add(Column::HardwareVersion.eq(version)),
    )
    .await
}

/// The rules for one type on one piece of hardware, or for every type.
pub(crate) async fn applying<C: ConnectionTrait>(
    connection: &C,
    device: &device::Model,
    kind: Option<&str>,
) -> Result<Vec<PinRule>, AppError> {
    let mut which = Condition::all()
        .add(Column::HardwareVersion.eq(device.hardware_version.as_str()))
        .add(Column::HardwareVariant.eq(device.hardware_variant.as_str()));
    if let Some(kind) = kind {
        which = which.add(Column::ComponentType.eq(kind));
    }
    read(connection, which).await
}

async fn read<C: ConnectionTrait>(
    connection: &C,
    which: Condition,
) -> Result<Vec<PinRule>, AppError> {
    let rows = Entity::find()
        .filter(which)
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::Id)
        .all(connection)
        .await
        .map_err(internal)?;
    rows.into_iter().map(from_row).collect()
}

/// One page of the rules that all words are found in, of one model where one is given.
pub async fn find(
    services: &Services,
    _: &Actor,
    version: Option<&str>,
    search: &Search,
) -> Result<Page<PinRule>, AppError> {
    let mut query = Entity::find()
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::HardwareVersion)
        .order_by_asc(Column::HardwareVariant)
        .order_by_asc(Column::ComponentType)
        .order_by_asc(Column::Id);
    if let Some(version) = version {
        query = query.filter(Column::HardwareVersion.eq(version));
    }
    for pattern in patterns(&search.words) {
        let columns = [
            Column::HardwareVersion,
            Column::HardwareVariant,
            Column::ComponentType,
            Column::PinMode,
        ];
        query = query.filter(columns.into_iter().fold(Condition::any(), |any, column| {
            any.add(is_like(column, &pattern))
        }));
    }
    page_of(&services.db.read, query, search.page, from_row).await
}

/// One rule; `None` where there is none of this id.
pub async fn one(services: &Services, _: &Actor, id: i64) -> Result<Option<PinRule>, AppError> {
    match get(&services.db.read, id).await {
        Ok(rule) => Ok(Some(rule)),
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds a rule; one that was deleted comes back under its old id.
pub async fn create(services: &Services, admin: &Admin, new: Wiring) -> Result<PinRule, AppError> {
    let change = Change::begin(services, admin).await?;
    let new = checked(&*change, new).await?;
    let known = same(&*change, &new).await?;
    if known.as_ref().is_some_and(|row| row.deleted_ms.is_none()) {
        return Err(AppError::conflict("rule_known"));
    }
    let mut row = to_row(&new);
    let row = match known {
        Some(known) => {
            row.id = Set(known.id);
            row.update(&*change).await
        }
        None => row.insert(&*change).await,
    };
    let rule = from_row(row.map_err(internal)?)?;
    change
        .done("catalog.add_rule", rule.id, json!(rule))
        .await?;
    Ok(rule)
}

/// Changes a rule. What a wired component rests on stays: hardware, type, pin and mode.
pub async fn update(
    services: &Services,
    admin: &Admin,
    id: i64,
    new: Wiring,
) -> Result<PinRule, AppError> {
    let change = Change::begin(services, admin).await?;
    let before = get(&*change, id).await?;
    let new = checked(&*change, new).await?;
    let rests_on = |wiring: &Wiring| {
        (
            wiring.hardware_version.clone(),
            wiring.hardware_variant.clone(),
            wiring.component_type.clone(),
            wiring.pin_number,
            wiring.pin_mode,
        )
    };
    if rests_on(&before.wiring) != rests_on(&new) {
        refuse_used(&*change, &before.wiring).await?;
        if let Some(row) = same(&*change, &new).await? {
            if row.deleted_ms.is_none() {
                return Err(AppError::conflict("rule_known"));
            }
            // A deleted rule gives up its place: there is nothing left of it to bring back.
            Entity::delete_by_id(row.id)
                .exec(&*change)
                .await
                .map_err(internal)?;
        }
    }
    let mut row = to_row(&new);
    row.id = Set(id);
    let rule = from_row(row.update(&*change).await.map_err(internal)?)?;
    change
        .done("catalog.change_rule", rule.id, json!(rule))
        .await?;
    Ok(rule)
}

/// Deletes a rule by which nothing is wired.
pub async fn delete(services: &Services, admin: &Admin, id: i64) -> Result<PinRule, AppError> {
    let change = Change::begin(services, admin).await?;
    let rule = get(&*change, id).await?;
    refuse_used(&*change, &rule.wiring).await?;
    set_deleted(&*change, id, Some(services.now().0)).await?;
    change
        .done("catalog.delete_rule", rule.id, json!(rule))
        .await?;
    Ok(rule)
}

/// Brings a deleted rule back.
pub async fn restore(services: &Services, admin: &Admin, id: i64) -> Result<PinRule, AppError> {
    let change = Change::begin(services, admin).await?;
    let row = Entity::find_by_id(id)
        .one(&*change)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let rule = from_row(row)?;
    checked(&*change, rule.wiring.clone()).await?;
    set_deleted(&*change, id, None).await?;
    change
        .done("catalog.restore_rule", rule.id, json!(rule))
        .await?;
    Ok(rule)
}

async fn get<C: ConnectionTrait>(connection: &C, id: i64) -> Result<PinRule, AppError> {
    let row = Entity::find_by_id(id)
        .filter(Column::DeletedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?;
    from_row(row.ok_or(AppError::NotFound)?)
}

async fn set_deleted<C: ConnectionTrait>(
    connection: &C,
    id: i64,
    deleted_ms: Option<i64>,
) -> Result<(), AppError> {
    let row = ActiveModel {
        id: Set(id),
        deleted_ms: Set(deleted_ms),
        ..Default::default()
    };
    row.update(connection).await.map_err(internal)?;
    Ok(())
}

/// The rule, deleted or not, that says the same of the same pin.
async fn same<C: ConnectionTrait>(
    connection: &C,
    wiring: &Wiring,
) -> Result<Option<Model>, AppError> {
    let mode = wiring.pin_mode.map(PinMode::as_str);
    Entity::find()
        .filter(Column::HardwareVersion.eq(wiring.hardware_version.as_str()))
        .filter(Column::HardwareVariant.eq(wiring.hardware_variant.as_str()))
        .filter(Column::ComponentType.eq(wiring.component_type.as_str()))
        .filter(match wiring.pin_number {
            Some(pin) => Column::PinNumber.eq(pin),
            None => Column::PinNumber.is_null(),
        })
        .filter(match mode {
            Some(mode) => Column::PinMode.eq(mode),
            None => Column::PinMode.is_null(),
        })
        .one(connection)
        .await
        .map_err(internal)
}

/// Refuses when a component is wired by this rule.
async fn refuse_used<C: ConnectionTrait>(connection: &C, rule: &Wiring) -> Result<(), AppError> {
    let devices = device::Entity::find()
        .select_only()
        .column(device::Column::Id)
        .filter(device::Column::HardwareVersion.eq(rule.hardware_version.as_str()))
        .filter(device::Column::HardwareVariant.eq(rule.hardware_variant.as_str()))
        .into_query();
    let mode = rule.pin_mode.map(PinMode::as_str);
    let wired = Condition::all()
        .add(component::Column::ComponentType.eq(rule.component_type.as_str()))
        .add(component::Column::DeviceId.in_subquery(devices))
        .add(match rule.pin_number {
            Some(pin) => component::Column::PinNumber.eq(pin),
            None => component::Column::PinNumber.is_null(),
        })
        .add(match mode {
            Some(mode) => component::Column::PinMode.eq(mode),
            None => component::Column::PinMode.is_null(),
        });
    usage::refuse_where_attached(connection, wired).await
}

async fn checked<C: ConnectionTrait>(connection: &C, new: Wiring) -> Result<Wiring, AppError> {
    let model = hardware::check(connection, &new.hardware_version, &new.hardware_variant).await?;
    types::get(connection, &new.component_type)
        .await?
        .ok_or_else(|| AppError::invalid("component_type", "unknown_component_type"))?;
    let pins = model.header.pins();
    match (new.pin_number, new.pin_mode) {
        (None, None) => {}
        (None, Some(_)) => return Err(AppError::invalid("pin_mode", "mode_without_pin")),
        (Some(_), None) => return Err(AppError::invalid("pin_mode", "required")),
        (Some(pin), Some(mode)) => {
            if !pins.contains(&pin) || !pins.contains(&(pin + mode.pins() - 1)) {
                return Err(AppError::invalid("pin_number", "no_such_pin"));
            }
        }
    }
    if new.default_state.is_some() && new.pin_mode.is_some_and(|mode| !mode.is_output()) {
        return Err(AppError::invalid("default_state", "not_an_output"));
    }
    Ok(Wiring {
        description: checked_words("description", new.description.as_deref())?,
        ..new
    })
}

/// A row without an id.
pub(super) fn to_row(new: &Wiring) -> ActiveModel {
    ActiveModel {
        hardware_version: Set(new.hardware_version.clone()),
        hardware_variant: Set(new.hardware_variant.clone()),
        component_type: Set(new.component_type.to_string()),
        pin_number: Set(new.pin_number),
        pin_mode: Set(new.pin_mode.map(|mode| mode.as_str().to_owned())),
        default_state: Set(new.default_state.map(|state| state.as_str().to_owned())),
        description: Set(new.description.clone()),
        deleted_ms: Set(None),
        ..Default::default()
    }
}

fn from_row(row: Model) -> Result<PinRule, AppError> {
    Ok(PinRule {
        id: row.id,
        wiring: Wiring {
            hardware_version: row.hardware_version,
            hardware_variant: row.hardware_variant,
            component_type: row.component_type.parse().map_err(internal)?,
            pin_number: row.pin_number,
            pin_mode: row.pin_mode.as_deref().and_then(PinMode::parse),
            default_state: row.default_state.as_deref().and_then(DefaultState::parse),
            description: row.description,
        },
    })
}
