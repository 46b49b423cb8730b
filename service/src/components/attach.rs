//! Attaching, changing and detaching: checked against the catalog, told to the device.
//!
//! Invariant: a key is one component's for ever. Detaching only marks the row, so its history stays and the
//! component can be brought back under its own key.

use std::collections::BTreeMap;

use domain::{
    AppError, ComponentKey, ComponentType,
    catalog::{CatalogComponent, DefaultState, PinMode},
    component::ComponentCategory,
};
use entity::{component, device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, TransactionTrait,
};
use serde_json::json;

use super::{
    Wish, attached,
    placement::{Held, Place, place},
    told::{self, Done},
};
use crate::{
    OwnerOf, Services,
    apart::commit_then,
    audit,
    catalog::{checked_name, rules, types},
    downlink, internal,
};

/// Most components of one device.
const MOST: usize = 64;

/// Attaches a component; gives its id.
pub async fn attach(services: &Services, owner: &OwnerOf, wish: Wish) -> Result<i64, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = downlink::lock_device(&transaction, owner.device().uuid).await?;
    owner.confirm(&transaction).await?;
    let row = add(services, &transaction, &device, wish).await?;
    finish(services, owner, transaction, Done::Attached, &row).await?;
    Ok(row.id)
}

/// Attaches a component to a device whose row is locked.
pub(crate) async fn add<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    device: &device::Model,
    wish: Wish,
) -> Result<component::Model, AppError> {
    let kind = known(connection, &wish.component_type).await?;
    let others = attached(connection, device.id).await?;
    if others.len() >= MOST {
        return Err(AppError::conflict("too_many_components"));
    }
    let internal_module = kind.category == ComponentCategory::InternalModule;
    if internal_module
        && let Some(other) = others
            .iter()
            .find(|row| row.component_type == kind.component_type.as_str())
    {
        return Err(AppError::conflict_with("attached_once", &other.key));
    }
    let place = placed(connection, device, &kind, &others, &wish).await?;
    let before = component::Entity::find()
        .filter(component::Column::DeviceId.eq(device.id))
        .filter(component::Column::ComponentType.eq(kind.component_type.as_str()))
        .count(connection)
        .await
        .map_err(internal)?;
    let number = u32::try_from(before).map_err(internal)? + 1;
    let mut row = component::ActiveModel {
        device_id: Set(device.id),
        key: Set(ComponentKey::numbered(&kind.component_type, number).to_string()),
        component_type: Set(kind.component_type.to_string()),
        name: Set(name_of(&wish)?),
        attached_ms: Set(services.now().0),
        ..Default::default()
    };
    put(&mut row, place);
    row.insert(connection).await.map_err(internal)
}

/// Changes the name, pin, mode, default state or address of a component. A pin that is not named stays.
pub async fn change(
    services: &Services,
    owner: &OwnerOf,
    id: i64,
    mut wish: Wish,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = downlink::lock_device(&transaction, owner.device().uuid).await?;
    owner.confirm(&transaction).await?;
    let all = attached(&transaction, device.id).await?;
    let (row, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| row.id == id);
    let row = row.into_iter().next().ok_or(AppError::NotFound)?;
    if row.component_type != wish.component_type.as_str() {
        return Err(AppError::invalid("component_type", "type_stays"));
    }
    let kind = known(&transaction, &wish.component_type).await?;
    if wish.pin_number.is_none() {
        wish.pin_number = row.pin_number;
    }
    let moved = wish.pin_number != row.pin_number;
    if wish.address.is_none() && !moved {
        wish.address.clone_from(&row.address);
    }
    let place = placed(&transaction, &device, &kind, &others, &wish).await?;
    let mut change: component::ActiveModel = row.into();
    change.name = Set(name_of(&wish)?);
    put(&mut change, place);
    let row = change.update(&transaction).await.map_err(internal)?;
    finish(services, owner, transaction, Done::Changed, &row).await
}

/// Detaches a component: its reports are refused from now on, its history stays.
pub async fn detach(services: &Services, owner: &OwnerOf, id: i64) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = downlink::lock_device(&transaction, owner.device().uuid).await?;
    owner.confirm(&transaction).await?;
    let row = find(&transaction, device.id, id).await?;
    if row.detached_ms.is_some() {
        return Err(AppError::NotFound);
    }
    let mut change: component::ActiveModel = row.into();
    change.detached_ms = Set(Some(services.now().0));
    change.silent_since_ms = Set(None);
    let row = change.update(&transaction).await.map_err(internal)?;
    finish(services, owner, transaction, Done::Detached, &row).await
}

/// Brings a detached component back under its key and at its pin, to which its wire leads: a conflict where that is
/// taken now.
pub async fn reattach(services: &Services, owner: &OwnerOf, id: i64) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = downlink::lock_device(&transaction, owner.device().uuid).await?;
    owner.confirm(&transaction).await?;
    let row = find(&transaction, device.id, id).await?;
    if row.detached_ms.is_none() {
        return Ok(());
    }
    let others = attached(&transaction, device.id).await?;
    let kind: ComponentType = row.component_type.parse().map_err(internal)?;
    let kind = known(&transaction, &kind).await?;
    let same = Wish {
        pin_number: row.pin_number,
        pin_mode: row.pin_mode.as_deref().and_then(PinMode::parse),
        default_state: row.default_state.as_deref().and_then(DefaultState::parse),
        address: row.address.clone(),
        ..Wish::of(kind.component_type.clone())
    };
    let place = placed(&transaction, &device, &kind, &others, &same).await?;
    let mut change: component::ActiveModel = row.into();
    change.detached_ms = Set(None);
    put(&mut change, place);
    let row = change.update(&transaction).await.map_err(internal)?;
    finish(services, owner, transaction, Done::Reattached, &row).await
}

/// Gives pins to what was attached when boards had none in the catalog, as far as there are any.
pub(crate) async fn wire_what_has_no_pin<C: ConnectionTrait>(
    connection: &C,
) -> Result<(), AppError> {
    let mut devices: BTreeMap<i64, Option<device::Model>> = BTreeMap::new();
    let rows = component::Entity::find()
        .filter(component::Column::DetachedMs.is_null())
        .filter(component::Column::PinNumber.is_null())
        .all(connection)
        .await
        .map_err(internal)?;
    for row in rows {
        let kind: ComponentType = row.component_type.parse().map_err(internal)?;
        let Some(kind) = types::get(connection, &kind).await? else {
            continue;
        };
        if kind.category == ComponentCategory::InternalModule {
            continue;
        }
        if let std::collections::btree_map::Entry::Vacant(entry) = devices.entry(row.device_id) {
            let found = device::Entity::find_by_id(row.device_id)
                .one(connection)
                .await;
            entry.insert(found.map_err(internal)?);
        }
        let Some(Some(device)) = devices.get(&row.device_id) else {
            continue;
        };
        let mut others = attached(connection, device.id).await?;
        others.retain(|other| other.id != row.id);
        let any = Wish::of(kind.component_type.clone());
        match placed(connection, device, &kind, &others, &any).await {
            Ok(place) => {
                let mut change: component::ActiveModel = row.into();
                put(&mut change, place);
                change.update(connection).await.map_err(internal)?;
            }
            Err(AppError::Conflict { message }) => {
                tracing::warn!(device = %device.uuid, component = row.key, "no pin: {message}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn known<C: ConnectionTrait>(
    connection: &C,
    kind: &ComponentType,
) -> Result<CatalogComponent, AppError> {
    types::get(connection, kind)
        .await?
        .ok_or_else(|| AppError::invalid("component_type", "unknown_component_type"))
}

async fn find<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    id: i64,
) -> Result<component::Model, AppError> {
    component::Entity::find_by_id(id)
        .filter(component::Column::DeviceId.eq(device))
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

async fn placed<C: ConnectionTrait>(
    connection: &C,
    device: &device::Model,
    kind: &CatalogComponent,
    others: &[component::Model],
    wish: &Wish,
) -> Result<Place, AppError> {
    let rules = rules::applying(connection, device, Some(kind.component_type.as_str())).await?;
    let held: Vec<Held> = others
        .iter()
        .filter_map(|row| {
            Some(Held {
                key: row.key.parse().ok()?,
                pin: row.pin_number?,
                mode: row.pin_mode.as_deref().and_then(PinMode::parse)?,
                address: row.address.clone(),
            })
        })
        .collect();
    place(kind, &rules, &held, wish)
}

fn name_of(wish: &Wish) -> Result<Option<String>, AppError> {
    match wish.name.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(name) => checked_name("name", name).map(Some),
    }
}

fn put(row: &mut component::ActiveModel, place: Place) {
    row.pin_number = Set(place.pin_number);
    row.pin_mode = Set(place.pin_mode.map(|mode| mode.as_str().to_owned()));
    row.default_state = Set(place.default_state.map(|state| state.as_str().to_owned()));
    row.address = Set(place.address);
}

async fn finish(
    services: &Services,
    owner: &OwnerOf,
    transaction: sea_orm::DatabaseTransaction,
    done: Done,
    row: &component::Model,
) -> Result<(), AppError> {
    let detail = json!({
        "component": row.key, "pin_number": row.pin_number, "pin_mode": row.pin_mode,
        "address": row.address, "name": row.name,
    });
    let target = Some(owner.device().uuid.to_string());
    let action = format!("components.{}", done.as_str());
    audit::record(
        services,
        &transaction,
        owner.actor(),
        &action,
        target,
        detail,
    )
    .await?;
    let (services, owner, row) = (services.clone(), owner.clone(), row.clone());
    commit_then(transaction, async move {
        told::tell(&services, &owner, done, &row).await
    })
    .await
}
