//! Tags: what they are counted by, set on one device, and put on or taken off many at once.
//!
//! Tags are the site's: who may manage a device sets them, who may see it sees them.

mod bulk;

use std::collections::{BTreeSet, HashMap};

use domain::{
    AppError, DeviceId,
    device::Lifecycle,
    live::LiveEvent,
    tag::{Tag, TagCounts},
};
use entity::{
    device,
    device_tag::{ActiveModel, Column, Entity},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, TransactionTrait, sea_query::OnConflict,
};
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use super::list::{scope, visible_to};
use crate::{Actor, OwnerOf, Services, ViewerOf, apart::commit_then, audit, downlink, internal};

pub use bulk::{tag_matching, undo};

/// The most tags of one device.
pub const MOST: usize = 20;
/// Rows of one statement.
const AT_ONCE: usize = 500;

/// Reads tags with commas or spaces between them; capitals and repetitions are gone afterwards.
pub fn read(text: &str) -> Result<Vec<Tag>, AppError> {
    let words = text.split([',', ' ', '\n', '\t']);
    each(words.filter(|word| !word.is_empty()))
}

/// Reads tags, at most [`MOST`].
pub fn each<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Tag>, AppError> {
    let read = |name: &str| {
        let name: String = name.nfc().collect();
        name.parse().map_err(|_| AppError::invalid("tags", "tag"))
    };
    let tags: BTreeSet<Tag> = names.map(read).collect::<Result<_, _>>()?;
    match tags.len() {
        0..=MOST => Ok(tags.into_iter().collect()),
        _ => Err(AppError::invalid("tags", "too_many_tags")),
    }
}

/// How many of the actor's devices each tag has, and how many have none; revoked ones are not counted.
pub async fn counts(services: &Services, actor: &Actor) -> Result<TagCounts, AppError> {
    let question = format!("{} by tag", scope(actor));
    let counted = services
        .found()
        .answer(services, question, async || count(services, actor).await);
    counted.await.map(|counts| TagCounts::clone(&counts))
}

async fn count(services: &Services, actor: &Actor) -> Result<TagCounts, AppError> {
    let db = &services.db.read;
    let seen = || {
        device::Entity::find()
            .filter(visible_to(actor))
            .filter(device::Column::Lifecycle.ne(Lifecycle::Revoked.as_str()))
    };
    let ids = seen().select_only().column(device::Column::Id);
    let rows: Vec<(String, i64)> = Entity::find()
        .select_only()
        .column(Column::Tag)
        .column_as(Column::DeviceId.count(), "devices")
        .filter(Column::DeviceId.in_subquery(ids.into_query()))
        .group_by(Column::Tag)
        .order_by_asc(Column::Tag)
        .into_tuple()
        .all(db)
        .await
        .map_err(internal)?;
    let any = Entity::find().select_only().column(Column::DeviceId);
    let untagged = seen()
        .filter(device::Column::Id.not_in_subquery(any.into_query()))
        .count(db)
        .await
        .map_err(internal)?;
    let tags = rows.into_iter().filter_map(|(tag, devices)| {
        Some((tag.parse().ok()?, u64::try_from(devices).unwrap_or(0)))
    });
    Ok(TagCounts {
        tags: tags.collect(),
        untagged,
    })
}

/// The tags of one device, by name.
pub async fn of(services: &Services, viewer: &ViewerOf) -> Result<Vec<Tag>, AppError> {
    let uuid = viewer.device().uuid;
    let mut all = of_many(services, &[uuid]).await?;
    Ok(all.remove(&uuid).unwrap_or_default())
}

/// The tags of these devices; those without any are not in the answer.
pub(super) async fn of_many(
    services: &Services,
    devices: &[DeviceId],
) -> Result<HashMap<DeviceId, Vec<Tag>>, AppError> {
    let rows: Vec<(uuid::Uuid, String)> = device::Entity::find()
        .select_only()
        .column(device::Column::Uuid)
        .column(Column::Tag)
        .join(
            sea_orm::JoinType::InnerJoin,
            device::Entity::belongs_to(Entity)
                .from(device::Column::Id)
                .to(Column::DeviceId)
                .into(),
        )
        .filter(device::Column::Uuid.is_in(devices.iter().map(|id| id.0)))
        .order_by_asc(Column::Tag)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut all: HashMap<DeviceId, Vec<Tag>> = HashMap::new();
    for (device, tag) in rows {
        if let Ok(tag) = tag.parse() {
            all.entry(DeviceId(device)).or_default().push(tag);
        }
    }
    Ok(all)
}

/// Gives a device exactly these tags.
pub async fn set(services: &Services, owner: &OwnerOf, tags: &[Tag]) -> Result<(), AppError> {
    if tags.len() > MOST {
        return Err(AppError::invalid("tags", "too_many_tags"));
    }
    let device = owner.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    downlink::lock_device(&transaction, device.uuid).await?;
    owner.confirm(&transaction).await?;
    let before: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Tag)
        .filter(Column::DeviceId.eq(device.id))
        .order_by_asc(Column::Tag)
        .into_tuple()
        .all(&transaction)
        .await
        .map_err(internal)?;
    Entity::delete_many()
        .filter(Column::DeviceId.eq(device.id))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let rows = tags.iter().map(|tag| (tag.as_str().to_owned(), device.id));
    put(&transaction, rows.collect()).await?;
    let detail = json!({ "from": before, "to": tags });
    let target = Some(device.uuid.to_string());
    audit::record(services, &transaction, owner.actor(), "tag", target, detail).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        let changed = LiveEvent::Device {
            device: device.uuid,
        };
        services.bus.publish(vec![changed]).await;
        Ok(())
    })
    .await
}

async fn put(transaction: &DatabaseTransaction, rows: Vec<(String, i64)>) -> Result<(), AppError> {
    for rows in rows.chunks(AT_ONCE) {
        let rows = rows.iter().map(|(tag, device)| ActiveModel {
            tag: Set(tag.clone()),
            device_id: Set(*device),
        });
        Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([Column::Tag, Column::DeviceId])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(transaction)
            .await
            .map_err(internal)?;
    }
    Ok(())
}
