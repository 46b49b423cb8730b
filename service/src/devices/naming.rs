//! Names: the site's own for a device, and each person's nickname.

use domain::{AppError, live::LiveEvent};
use entity::device_access::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, EntityTrait, TransactionTrait, sea_query::OnConflict,
};
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::search;
use crate::{OwnerOf, Services, ViewerOf, audit, downlink, internal};

const MAX_CHARS: usize = 80;

/// A name in NFC of 1 to 80 characters without control characters.
pub(super) fn check(name: &str) -> Result<String, AppError> {
    let name: String = name.trim().nfc().collect();
    let fits =
        (1..=MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match fits {
        true => Ok(name),
        false => Err(AppError::invalid("name", "name")),
    }
}

/// Sets or (empty) clears the actor's own name for a device.
pub async fn set_nickname(
    services: &Services,
    viewer: &ViewerOf,
    nickname: &str,
) -> Result<(), AppError> {
    let nickname = match nickname.trim() {
        "" => None,
        name => Some(check(name)?),
    };
    let device = viewer.device();
    let user = viewer.actor().user.id;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = ActiveModel {
        device_id: Set(device.id),
        user_id: Set(user.0),
        role: Set(viewer.role().map(|role| role.as_str().to_owned())),
        nickname: Set(nickname.clone()),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::DeviceId, Column::UserId])
                .update_column(Column::Nickname)
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(internal)?;
    search::index_nickname(&transaction, device.id, user.0, nickname.as_deref()).await?;
    transaction.commit().await.map_err(internal)?;
    services.bus.publish(vec![LiveEvent::Access { user }]).await;
    Ok(())
}

/// Changes the site's name for a device, which everybody without a nickname sees.
pub async fn rename(services: &Services, owner: &OwnerOf, name: &str) -> Result<(), AppError> {
    let name = check(name)?;
    let device = owner.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device.uuid).await?;
    let detail = json!({ "from": row.name, "to": name });
    let mut change: entity::device::ActiveModel = row.into();
    change.name_key = Set(search::sort_key(&name));
    change.name = Set(name);
    let row = change.update(&transaction).await.map_err(internal)?;
    search::index(&transaction, &row).await?;
    let target = Some(device.uuid.to_string());
    audit::record(
        services,
        &transaction,
        owner.actor(),
        "rename",
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    let changed = LiveEvent::Device {
        device: device.uuid,
    };
    services.bus.publish(vec![changed]).await;
    Ok(())
}
