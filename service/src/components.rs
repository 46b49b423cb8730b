//! Components: the catalog of types, and what is attached to a device.

mod catalog;

use std::collections::BTreeMap;

use domain::{
    AppError, ComponentKey, ComponentType,
    component::{Component, ComponentCategory, ValueInfo},
};
use entity::{component, component_type};
use protocol::identity::ComponentSpec;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder,
};

use crate::{Services, internal};
pub use catalog::seed;

/// Attaches components of these types to a device; a type that comes again gets the next key, and a key
/// once used is never given to another.
pub(crate) async fn attach<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    device: i64,
    kinds: &[ComponentType],
) -> Result<(), AppError> {
    let known: Vec<String> = component_type::Entity::find()
        .all(connection)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|row| row.component_type)
        .collect();
    let used = component::Entity::find()
        .filter(component::Column::DeviceId.eq(device))
        .all(connection)
        .await
        .map_err(internal)?;
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for row in used {
        *numbers.entry(row.component_type).or_default() += 1;
    }
    for kind in kinds {
        if !known.iter().any(|k| k == kind.as_str()) {
            return Err(AppError::invalid("components", "unknown_component_type"));
        }
        let number = numbers.entry(kind.to_string()).or_default();
        *number += 1;
        let row = component::ActiveModel {
            device_id: Set(device),
            key: Set(ComponentKey::numbered(kind, *number).to_string()),
            component_type: Set(kind.to_string()),
            attached_ms: Set(services.now().0),
            ..Default::default()
        };
        row.insert(connection).await.map_err(internal)?;
    }
    Ok(())
}

/// The rows of what is attached to a device, in the order of attaching.
pub(crate) async fn attached<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<Vec<component::Model>, AppError> {
    component::Entity::find()
        .filter(component::Column::DeviceId.eq(device))
        .filter(component::Column::DetachedMs.is_null())
        .order_by_asc(component::Column::Id)
        .all(connection)
        .await
        .map_err(internal)
}

/// What is attached to a device, as the device needs to know it.
pub(crate) async fn specs<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<Vec<ComponentSpec>, AppError> {
    attached(connection, device)
        .await?
        .into_iter()
        .map(|row| {
            Ok(ComponentSpec {
                component_key: row.key.parse().map_err(internal)?,
                component_type: row.component_type.parse().map_err(internal)?,
                pin_number: row.pin_number,
                pin_mode: row.pin_mode,
                default_state: row.default_state,
            })
        })
        .collect()
}

/// What is attached to a device, with what the catalog says of it.
pub(crate) async fn described<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<Vec<Component>, AppError> {
    let rows = attached(connection, device).await?;
    let names = rows.iter().map(|row| row.component_type.clone());
    let kinds = component_type::Entity::find()
        .filter(component_type::Column::ComponentType.is_in(names))
        .all(connection)
        .await
        .map_err(internal)?;
    rows.into_iter()
        .map(|row| {
            let kind = kinds
                .iter()
                .find(|kind| kind.component_type == row.component_type)
                .ok_or_else(|| internal(format!("no type `{}`", row.component_type)))?;
            Ok(Component {
                key: row.key.parse().map_err(internal)?,
                kind: row.component_type.parse().map_err(internal)?,
                name: row.name,
                label_ko: kind.display_name_ko.clone(),
                label_en: kind.display_name_en.clone(),
                category: ComponentCategory::parse(&kind.category)
                    .unwrap_or(ComponentCategory::Sensor),
                pin_number: row.pin_number,
                pin_mode: row.pin_mode,
                values: values(kind),
            })
        })
        .collect()
}

pub(crate) fn values(kind: &component_type::Model) -> Vec<ValueInfo> {
    kind.metadata
        .get("values")
        .and_then(|values| serde_json::from_value(values.clone()).ok())
        .unwrap_or_default()
}
