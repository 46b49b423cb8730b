//! Tags put on and taken off everything that matches, and the way back.
//!
//! The way back is the act as it is kept: it names exactly what was changed, so that undoing it leaves alone
//! what had been so before. Doing and undoing are two entries of the trail, which nothing rewrites.

use std::collections::{HashMap, HashSet};

use domain::{
    AppError, UserId, filter::Filter, finding::BulkTagged, live::LiveEvent, role::DeviceRole,
    tag::Tag,
};
use entity::{
    device_access,
    device_tag::{Column, Entity},
    tag_act,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, NotSet,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait, sea_query::LockType,
};
use serde_json::json;

use super::{AT_ONCE, MOST, put};
use crate::{
    Actor, Services, accounts::actor::DeviceRef, apart::commit_then, audit,
    devices::matching::matching, internal,
};

/// The most devices of one act.
const MOST_DEVICES: u64 = 20_000;
/// Rows of `device_tag`.
type Rows = Vec<(String, i64)>;

/// Puts tags on, and takes tags off, every device that passes the filter and that the actor may manage.
pub async fn tag_matching(
    services: &Services,
    actor: &Actor,
    filter: &Filter,
    add: &[Tag],
    remove: &[Tag],
) -> Result<BulkTagged, AppError> {
    if add.is_empty() && remove.is_empty() {
        return Err(AppError::invalid("tags", "required"));
    }
    let found = matching(services, actor, filter, MOST_DEVICES + 1).await?;
    if u64::try_from(found.len()).unwrap_or(u64::MAX) > MOST_DEVICES {
        return Err(AppError::invalid("search", "too_many_devices"));
    }
    let total = found.len();
    let found = found.into_iter().map(|device| device.id).collect();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let devices = managed(&transaction, actor, &found).await?;
    let now = tags_of(&transaction, &devices).await?;
    let (mut added, mut removed) = (Rows::new(), Rows::new());
    let (mut changed, mut full) = (Vec::new(), 0);
    for device in &devices {
        let has = now.get(&device.id);
        let has = |tag: &Tag| has.is_some_and(|tags| tags.contains(tag.as_str()));
        let row = |tag: &Tag| (tag.as_str().to_owned(), device.id);
        let gone: Vec<_> = remove
            .iter()
            .filter(|t| has(t) && !add.contains(t))
            .collect();
        let new: Vec<_> = add.iter().filter(|tag| !has(tag)).collect();
        let before = now.get(&device.id).map_or(0, HashSet::len);
        if before - gone.len() + new.len() > MOST {
            full += 1;
            continue;
        }
        if !gone.is_empty() || !new.is_empty() {
            removed.extend(gone.into_iter().map(row));
            added.extend(new.into_iter().map(row));
            changed.push(*device);
        }
    }
    let left = total - devices.len() + full;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    if changed.is_empty() {
        return Ok(BulkTagged {
            changed: 0,
            left: count(left),
            undo: None,
        });
    }
    take(&transaction, &removed).await?;
    let act = tag_act::ActiveModel {
        id: NotSet,
        user_id: Set(actor.user.id.0),
        at_ms: Set(services.now().0),
        added: Set(json!(added)),
        removed: Set(json!(removed)),
        undone_ms: Set(None),
    };
    put(&transaction, added).await?;
    let act = act.insert(&transaction).await.map_err(internal)?;
    let detail = json!({
        "filter": filter.to_string(), "add": add, "remove": remove, "devices": changed.len(),
    });
    let target = Some(act.id.to_string());
    audit::record(services, &transaction, actor, "tag_many", target, detail).await?;
    let done = BulkTagged {
        changed: count(changed.len()),
        left: count(left),
        undo: Some(act.id),
    };
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, &changed).await;
        Ok(done)
    })
    .await
}

/// Takes an act of one's own back, once: what it put on is taken off, and the other way round. A device that
/// has as many tags as it may by now is left without those that it lost; gives how many have changed.
pub async fn undo(services: &Services, actor: &Actor, act: i64) -> Result<u64, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let act = tag_act::Entity::find_by_id(act)
        .filter(tag_act::Column::UserId.eq(actor.user.id.0))
        .lock_exclusive()
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    if act.undone_ms.is_some() {
        return Err(AppError::conflict("undone_already"));
    }
    let (added, removed) = (by_device(&act.added)?, by_device(&act.removed)?);
    let ids: HashSet<i64> = added.keys().chain(removed.keys()).copied().collect();
    // Who has lost a device meanwhile may no longer change it.
    let mut devices = managed(&transaction, actor, &ids).await?;
    let before = tags_of(&transaction, &devices).await?;
    let (mut off, mut on) = (Rows::new(), Rows::new());
    devices.retain(|device| {
        let has = before.get(&device.id).cloned().unwrap_or_default();
        let of = |act: &HashMap<i64, Vec<String>>, had: bool| -> Rows {
            let tags = act.get(&device.id).into_iter().flatten();
            let tags = tags.filter(|tag| has.contains(*tag) == had);
            tags.map(|tag| (tag.clone(), device.id)).collect()
        };
        let (gone, mut back) = (of(&added, true), of(&removed, false));
        if has.len() - gone.len() + back.len() > MOST {
            back.clear();
        }
        let changes = !gone.is_empty() || !back.is_empty();
        off.extend(gone);
        on.extend(back);
        changes
    });
    take(&transaction, &off).await?;
    put(&transaction, on).await?;
    let target = Some(act.id.to_string());
    let mut change: tag_act::ActiveModel = act.into();
    change.undone_ms = Set(Some(services.now().0));
    change.update(&transaction).await.map_err(internal)?;
    let (action, detail) = ("undo_tag_many", json!({ "devices": devices.len() }));
    audit::record(services, &transaction, actor, action, target, detail).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, &devices).await;
        Ok(u64::try_from(devices.len()).unwrap_or(u64::MAX))
    })
    .await
}

/// The tags of each device in what an act has kept.
fn by_device(kept: &serde_json::Value) -> Result<HashMap<i64, Vec<String>>, AppError> {
    let rows: Rows = serde_json::from_value(kept.clone()).map_err(internal)?;
    let mut by_device: HashMap<i64, Vec<String>> = HashMap::new();
    for (tag, device) in rows {
        by_device.entry(device).or_default().push(tag);
    }
    Ok(by_device)
}

/// Those of these devices that are still there and that the actor may manage. They are not deleted, and nobody's own are
/// taken away, until the transaction ends.
async fn managed(
    transaction: &DatabaseTransaction,
    actor: &Actor,
    ids: &HashSet<i64>,
) -> Result<Vec<DeviceRef>, AppError> {
    let devices = devices_of(transaction, ids).await?;
    if actor.user.role.is_admin() {
        return Ok(devices);
    }
    let UserId(user) = actor.user.id;
    let mut own: HashSet<i64> = HashSet::new();
    for devices in devices.chunks(AT_ONCE) {
        let some: Vec<i64> = device_access::Entity::find()
            .select_only()
            .column(device_access::Column::DeviceId)
            .filter(device_access::Column::UserId.eq(user))
            .filter(device_access::Column::Role.eq(DeviceRole::Owner.as_str()))
            .filter(device_access::Column::DeviceId.is_in(devices.iter().map(|device| device.id)))
            .order_by_asc(device_access::Column::DeviceId)
            .lock_shared()
            .into_tuple()
            .all(transaction)
            .await
            .map_err(internal)?;
        own.extend(some);
    }
    Ok(devices
        .into_iter()
        .filter(|device| own.contains(&device.id))
        .collect())
}

async fn devices_of(
    transaction: &DatabaseTransaction,
    ids: &HashSet<i64>,
) -> Result<Vec<DeviceRef>, AppError> {
    use entity::device;
    let mut all = Vec::with_capacity(ids.len());
    let mut ids: Vec<i64> = ids.iter().copied().collect();
    // In the order in which everybody locks devices.
    ids.sort_unstable();
    for ids in ids.chunks(AT_ONCE) {
        let rows: Vec<(i64, uuid::Uuid)> = device::Entity::find()
            .select_only()
            .columns([device::Column::Id, device::Column::Uuid])
            .filter(device::Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(device::Column::Id)
            .lock(LockType::KeyShare)
            .into_tuple()
            .all(transaction)
            .await
            .map_err(internal)?;
        all.extend(rows.into_iter().map(|(id, uuid)| DeviceRef {
            id,
            uuid: domain::DeviceId(uuid),
        }));
    }
    Ok(all)
}

async fn tags_of(
    transaction: &DatabaseTransaction,
    devices: &[DeviceRef],
) -> Result<HashMap<i64, HashSet<String>>, AppError> {
    let mut all: HashMap<i64, HashSet<String>> = HashMap::new();
    for devices in devices.chunks(AT_ONCE) {
        let rows: Vec<(i64, String)> = Entity::find()
            .select_only()
            .columns([Column::DeviceId, Column::Tag])
            .filter(Column::DeviceId.is_in(devices.iter().map(|device| device.id)))
            .into_tuple()
            .all(transaction)
            .await
            .map_err(internal)?;
        for (device, tag) in rows {
            all.entry(device).or_default().insert(tag);
        }
    }
    Ok(all)
}

async fn take(transaction: &DatabaseTransaction, rows: &[(String, i64)]) -> Result<(), AppError> {
    let mut by_tag: HashMap<&str, Vec<i64>> = HashMap::new();
    for (tag, device) in rows {
        by_tag.entry(tag).or_default().push(*device);
    }
    for (tag, devices) in by_tag {
        for devices in devices.chunks(AT_ONCE) {
            Entity::delete_many()
                .filter(Column::Tag.eq(tag))
                .filter(Column::DeviceId.is_in(devices.iter().copied()))
                .exec(transaction)
                .await
                .map_err(internal)?;
        }
    }
    Ok(())
}

async fn tell(services: &Services, devices: &[DeviceRef]) {
    let changes = devices.iter().map(|device| LiveEvent::Device {
        device: device.uuid,
    });
    services.bus.publish(changes.collect()).await;
}
