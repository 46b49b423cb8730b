//! Hardware: the models of boards and computers, and how they are equipped.

use domain::{
    AppError,
    catalog::{HardwareVariant, HardwareVersion, PinHeader},
    device::DeviceKind,
};
use entity::{device, hardware_variant, hardware_version, pin_rule};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, QueryOrder,
};
use serde_json::json;

use super::{change::Change, checked_name, checked_word, checked_words, usage};
use crate::{Actor, Admin, Services, internal};

/// Every model, by name.
pub async fn versions(services: &Services, _: &Actor) -> Result<Vec<HardwareVersion>, AppError> {
    use hardware_version::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::Version)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    rows.into_iter().map(version_of).collect()
}

/// Every variant, by name.
pub async fn variants(services: &Services, _: &Actor) -> Result<Vec<HardwareVariant>, AppError> {
    use hardware_variant::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::DeletedMs.is_null())
        .order_by_asc(Column::Name)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(variant_of).collect())
}

/// The model of that name; a deleted one is not found.
pub(crate) async fn version<C: ConnectionTrait>(
    connection: &C,
    version: &str,
) -> Result<Option<HardwareVersion>, AppError> {
    let row = hardware_version::Entity::find_by_id(version)
        .filter(hardware_version::Column::DeletedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?;
    row.map(version_of).transpose()
}

/// Refuses a model or variant that the catalog does not have.
pub(crate) async fn check<C: ConnectionTrait>(
    connection: &C,
    model: &str,
    variant: &str,
) -> Result<HardwareVersion, AppError> {
    let known = version(connection, model)
        .await?
        .ok_or_else(|| AppError::invalid("hardware_version", "unknown_hardware"))?;
    hardware_variant::Entity::find()
        .filter(hardware_variant::Column::Name.eq(variant))
        .filter(hardware_variant::Column::DeletedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or_else(|| AppError::invalid("hardware_variant", "unknown_hardware"))?;
    Ok(known)
}

/// Adds a model; the name of a deleted one may be used again.
pub async fn create_version(
    services: &Services,
    admin: &Admin,
    new: HardwareVersion,
) -> Result<HardwareVersion, AppError> {
    let new = checked(&new)?;
    let change = Change::begin(services, admin).await?;
    let known = hardware_version::Entity::find_by_id(&new.version)
        .one(&*change)
        .await
        .map_err(internal)?;
    match &known {
        Some(row) if row.deleted_ms.is_none() => {
            return Err(AppError::conflict_with("hardware_known", &new.version));
        }
        Some(_) => version_row(&new).update(&*change).await,
        None => version_row(&new).insert(&*change).await,
    }
    .map_err(internal)?;
    change
        .done("catalog.add_version", &new.version, json!({}))
        .await?;
    Ok(new)
}

/// Changes a model. Its pins stay as long as there are rules for them.
pub async fn update_version(
    services: &Services,
    admin: &Admin,
    new: HardwareVersion,
) -> Result<HardwareVersion, AppError> {
    let new = checked(&new)?;
    let change = Change::begin(services, admin).await?;
    let before = version(&*change, &new.version)
        .await?
        .ok_or(AppError::NotFound)?;
    if before.header != new.header {
        let allowed = new.header.pins();
        let pins = rules_of(&*change, pin_rule::Column::HardwareVersion, &new.version).await?;
        let outside = pins.iter().filter_map(|rule| rule.pin_number);
        if let Some(pin) = outside.into_iter().find(|pin| !allowed.contains(pin)) {
            return Err(AppError::conflict_with("in_use", format!("GPIO {pin}")));
        }
    }
    version_row(&new).update(&*change).await.map_err(internal)?;
    change
        .done("catalog.change_version", &new.version, json!({}))
        .await?;
    Ok(new)
}

/// Deletes a model that no device is of; its rules wait for it to come back.
pub async fn delete_version(
    services: &Services,
    admin: &Admin,
    model: &str,
) -> Result<HardwareVersion, AppError> {
    let change = Change::begin(services, admin).await?;
    let old = version(&*change, model).await?.ok_or(AppError::NotFound)?;
    let of_it = Condition::all().add(device::Column::HardwareVersion.eq(model));
    usage::refuse_where_registered(&*change, of_it).await?;
    let mut row = version_row(&old);
    row.deleted_ms = Set(Some(services.now().0));
    row.update(&*change).await.map_err(internal)?;
    change
        .done("catalog.delete_version", &model, json!({}))
        .await?;
    Ok(old)
}

/// Brings a deleted model back.
pub async fn restore_version(
    services: &Services,
    admin: &Admin,
    model: &str,
) -> Result<HardwareVersion, AppError> {
    let change = Change::begin(services, admin).await?;
    let row = hardware_version::Entity::find_by_id(model)
        .one(&*change)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let old = version_of(row)?;
    version_row(&old).update(&*change).await.map_err(internal)?;
    change
        .done("catalog.restore_version", &model, json!({}))
        .await?;
    Ok(old)
}

/// Adds a variant; the name of a deleted one may be used again.
pub async fn create_variant(
    services: &Services,
    admin: &Admin,
    name: &str,
    description: Option<&str>,
) -> Result<HardwareVariant, AppError> {
    let name = checked_word("name", name)?;
    let description = checked_words("description", description)?;
    let change = Change::begin(services, admin).await?;
    let known = variant_named(&*change, &name).await?;
    if known.as_ref().is_some_and(|row| row.deleted_ms.is_none()) {
        return Err(AppError::conflict_with("hardware_known", &name));
    }
    let mut row = hardware_variant::ActiveModel {
        name: Set(name.clone()),
        description: Set(description),
        deleted_ms: Set(None),
        ..Default::default()
    };
    let row = match known {
        Some(known) => {
            row.id = Set(known.id);
            row.update(&*change).await
        }
        None => row.insert(&*change).await,
    }
    .map_err(internal)?;
    change.done("catalog.add_variant", &name, json!({})).await?;
    Ok(variant_of(row))
}

/// Changes a variant; a name that devices or rules carry stays.
pub async fn update_variant(
    services: &Services,
    admin: &Admin,
    id: i64,
    name: &str,
    description: Option<&str>,
) -> Result<HardwareVariant, AppError> {
    let name = checked_word("name", name)?;
    let description = checked_words("description", description)?;
    let change = Change::begin(services, admin).await?;
    let before = variant_row(&*change, id).await?;
    if before.name != name {
        refuse_used_variant(&*change, &before.name).await?;
        if let Some(row) = rules_of(&*change, pin_rule::Column::HardwareVariant, &before.name)
            .await?
            .first()
        {
            let rule = format!("{} · {}", row.hardware_version, row.component_type);
            return Err(AppError::conflict_with("in_use", rule));
        }
        if variant_named(&*change, &name).await?.is_some() {
            return Err(AppError::conflict_with("hardware_known", &name));
        }
    }
    let mut row: hardware_variant::ActiveModel = before.into();
    row.name = Set(name.clone());
    row.description = Set(description);
    let row = row.update(&*change).await.map_err(internal)?;
    change
        .done("catalog.change_variant", &name, json!({}))
        .await?;
    Ok(variant_of(row))
}

/// Deletes a variant that no device is of; its rules wait for it to come back.
pub async fn delete_variant(
    services: &Services,
    admin: &Admin,
    id: i64,
) -> Result<HardwareVariant, AppError> {
    let change = Change::begin(services, admin).await?;
    let row = variant_row(&*change, id).await?;
    refuse_used_variant(&*change, &row.name).await?;
    let mut row: hardware_variant::ActiveModel = row.into();
    row.deleted_ms = Set(Some(services.now().0));
    let row = row.update(&*change).await.map_err(internal)?;
    change
        .done("catalog.delete_variant", &row.name, json!({}))
        .await?;
    Ok(variant_of(row))
}

/// Brings a deleted variant back.
pub async fn restore_variant(
    services: &Services,
    admin: &Admin,
    id: i64,
) -> Result<HardwareVariant, AppError> {
    let change = Change::begin(services, admin).await?;
    let row = hardware_variant::Entity::find_by_id(id)
        .one(&*change)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let mut row: hardware_variant::ActiveModel = row.into();
    row.deleted_ms = Set(None);
    let row = row.update(&*change).await.map_err(internal)?;
    change
        .done("catalog.restore_variant", &row.name, json!({}))
        .await?;
    Ok(variant_of(row))
}

async fn variant_row<C: ConnectionTrait>(
    connection: &C,
    id: i64,
) -> Result<hardware_variant::Model, AppError> {
    hardware_variant::Entity::find_by_id(id)
        .filter(hardware_variant::Column::DeletedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

async fn variant_named<C: ConnectionTrait>(
    connection: &C,
    name: &str,
) -> Result<Option<hardware_variant::Model>, AppError> {
    hardware_variant::Entity::find()
        .filter(hardware_variant::Column::Name.eq(name))
        .one(connection)
        .await
        .map_err(internal)
}

async fn refuse_used_variant<C: ConnectionTrait>(
    connection: &C,
    name: &str,
) -> Result<(), AppError> {
    let of_it = Condition::all().add(device::Column::HardwareVariant.eq(name));
    usage::refuse_where_registered(connection, of_it).await
}

async fn rules_of<C: ConnectionTrait>(
    connection: &C,
    column: pin_rule::Column,
    name: &str,
) -> Result<Vec<pin_rule::Model>, AppError> {
    pin_rule::Entity::find()
        .filter(column.eq(name))
        .filter(pin_rule::Column::DeletedMs.is_null())
        .all(connection)
        .await
        .map_err(internal)
}

fn checked(new: &HardwareVersion) -> Result<HardwareVersion, AppError> {
    Ok(HardwareVersion {
        version: checked_word("version", &new.version)?,
        name: checked_name("name", &new.name)?,
        description: checked_words("description", new.description.as_deref())?,
        kind: new.kind,
        header: new.header,
    })
}

fn version_row(new: &HardwareVersion) -> hardware_version::ActiveModel {
    hardware_version::ActiveModel {
        version: Set(new.version.clone()),
        name: Set(new.name.clone()),
        kind: Set(new.kind.as_str().to_owned()),
        header: Set(new.header.as_str().to_owned()),
        description: Set(new.description.clone()),
        deleted_ms: Set(None),
    }
}

fn version_of(row: hardware_version::Model) -> Result<HardwareVersion, AppError> {
    Ok(HardwareVersion {
        kind: DeviceKind::parse(&row.kind)
            .ok_or_else(|| internal(format!("the kind `{}`", row.kind)))?,
        header: PinHeader::parse(&row.header)
            .ok_or_else(|| internal(format!("the header `{}`", row.header)))?,
        version: row.version,
        name: row.name,
        description: row.description,
    })
}

fn variant_of(row: hardware_variant::Model) -> HardwareVariant {
    HardwareVariant {
        id: row.id,
        name: row.name,
        description: row.description,
    }
}
