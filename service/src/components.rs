//! Components: what is attached to a device, where, and how it does.

mod attach;
mod health;
mod list;
mod placement;
mod told;

use domain::{
    AppError, ComponentType,
    catalog::{CatalogComponent, DefaultState, PinMode},
    component::{Component, ValueInfo},
};
use entity::{component, component_type};
use protocol::identity::ComponentSpec;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

pub use crate::catalog::seed;
use crate::{catalog::types, internal};
pub(crate) use attach::{add, wire_what_has_no_pin};
pub use attach::{attach, change, detach, reattach};
pub(crate) use domain::component::owner_of_key;
pub use health::{judge, watch};
pub(crate) use list::allowed;
pub use list::{attachable, list, list_for_device};
pub(crate) use told::is_told;

/// A wish to attach a component, or to have it otherwise. What is left open the server chooses.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its type.
    pub component_type: ComponentType,
    /// What a person calls it.
    pub name: Option<String>,
    /// The GPIO number.
    pub pin_number: Option<i32>,
    /// How the pin is used.
    pub pin_mode: Option<PinMode>,
    /// The state at boot.
    pub default_state: Option<DefaultState>,
    /// Where it answers on a bus: `0x76`, `28-0316a2798bff`.
    pub address: Option<String>,
}

impl Wish {
    /// Any free place for a component of this type.
    pub fn of(component_type: ComponentType) -> Self {
        Self {
            component_type,
            name: None,
            pin_number: None,
            pin_mode: None,
            default_state: None,
            address: None,
        }
    }
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
                address: row.address,
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
    let kinds: Vec<CatalogComponent> = component_type::Entity::find()
        .filter(component_type::Column::ComponentType.is_in(names))
        .all(connection)
        .await
        .map_err(internal)?
        .into_iter()
        .map(types::from_row)
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|row| {
            let kind = kinds
                .iter()
                .find(|kind| kind.component_type.as_str() == row.component_type)
                .ok_or_else(|| internal(format!("no type `{}`", row.component_type)))?;
            Ok(Component {
                key: row.key.parse().map_err(internal)?,
                kind: kind.component_type.clone(),
                name: row.name,
                label_ko: kind.display_name_ko.clone(),
                label_en: kind.display_name_en.clone(),
                category: kind.category,
                pin_number: row.pin_number,
                pin_mode: row.pin_mode,
                values: kind.metadata.values.clone(),
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
