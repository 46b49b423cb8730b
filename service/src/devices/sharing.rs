//! Who sees a device: its owner shares it as owner or viewer with people who have an account, takes that back,
//! and people leave.
//!
//! Invariant: who claimed a device keeps their access until it is given up; its secret is tied to them.

use domain::{
    AppError, DeviceId, Email, UserId,
    event::{EventKind, Severity},
    finding::Sharer,
    live::LiveEvent,
    role::DeviceRole,
};
use entity::{
    device,
    device_access::{ActiveModel, Column, Entity},
    user,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    TransactionTrait, sea_query::OnConflict,
};
use serde_json::json;

use super::search;
use crate::{
    Actor, OwnerOf, Services, ViewerOf, accounts::actor::DeviceRef, apart::commit_then, audit,
    downlink, events, internal,
};

/// The most people of one device.
const MOST: u64 = 100;

/// Everybody with a role on a device: who claimed it first, then by address.
pub async fn people(services: &Services, owner: &OwnerOf) -> Result<Vec<Sharer>, AppError> {
    let id = owner.device().id;
    let db = &services.db.read;
    let claimed_by = device::Entity::find_by_id(id)
        .one(db)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?
        .owner_id;
    let roles = Entity::find()
        .filter(Column::DeviceId.eq(id))
        .filter(Column::Role.is_not_null())
        .all(db)
        .await
        .map_err(internal)?;
    let people = user::Entity::find()
        .filter(user::Column::Id.is_in(roles.iter().map(|row| row.user_id)))
        .all(db)
        .await
        .map_err(internal)?;
    let mut all: Vec<Sharer> = roles
        .into_iter()
        .filter_map(|row| {
            let person = people.iter().find(|person| person.id == row.user_id)?;
            Some(Sharer {
                id: UserId(person.id),
                name: person.name.clone(),
                email: person.email.parse().ok()?,
                role: DeviceRole::parse(row.role.as_deref()?)?,
                claimed: claimed_by == Some(person.id),
            })
        })
        .collect();
    all.sort_by(|a, b| (!a.claimed, a.email.as_str()).cmp(&(!b.claimed, b.email.as_str())));
    Ok(all)
}

/// Gives somebody with an account a role on a device, or another one than they have.
pub async fn share(
    services: &Services,
    owner: &OwnerOf,
    email: &str,
    role: DeviceRole,
) -> Result<UserId, AppError> {
    let email: Email = email
        .trim()
        .parse()
        .map_err(|_| AppError::invalid("email", "email"))?;
    let device = owner.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device.uuid).await?;
    owner.confirm(&transaction).await?;
    if row.owner_id.is_none() {
        return Err(AppError::conflict("not_claimed"));
    }
    let person = user::Entity::find()
        .filter(user::Column::Email.eq(email.as_str()))
        .filter(user::Column::DisabledMs.is_null())
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or_else(|| AppError::invalid("email", "no_such_person"))?;
    if row.owner_id == Some(person.id) {
        return Err(AppError::invalid("email", "claimed_it"));
    }
    let others = Entity::find()
        .filter(Column::DeviceId.eq(device.id))
        .filter(Column::UserId.ne(person.id))
        .filter(Column::Role.is_not_null())
        .count(&transaction)
        .await
        .map_err(internal)?;
    if others >= MOST {
        return Err(AppError::conflict("too_many_people"));
    }
    let access = ActiveModel {
        device_id: Set(device.id),
        user_id: Set(person.id),
        role: Set(Some(role.as_str().to_owned())),
        nickname: Set(None),
    };
    Entity::insert(access)
        .on_conflict(
            OnConflict::columns([Column::DeviceId, Column::UserId])
                .update_column(Column::Role)
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(internal)?;
    let user = UserId(person.id);
    let detail = json!({ "with": person.email, "role": role.as_str() });
    let actor = owner.actor();
    let target = Some(device.uuid.to_string());
    audit::record(services, &transaction, actor, "share", target, detail).await?;
    let (services, actor) = (services.clone(), actor.clone());
    commit_then(transaction, async move {
        tell(&services, &actor, device, user, &person.name, Some(role)).await
    })
    .await?;
    Ok(user)
}

/// Takes somebody's role on a device away, and their name for it; gives who they are and what they had.
pub async fn unshare(
    services: &Services,
    owner: &OwnerOf,
    user: UserId,
) -> Result<Sharer, AppError> {
    let (actor, device) = (owner.actor(), owner.device());
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device.uuid).await?;
    owner.confirm(&transaction).await?;
    end(services, transaction, &row, actor, user).await
}

/// Gives one's own role on a device up.
pub async fn leave(services: &Services, viewer: &ViewerOf) -> Result<(), AppError> {
    if viewer.role().is_none() {
        return Err(AppError::NotFound);
    }
    let actor = viewer.actor();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, viewer.device().uuid).await?;
    end(services, transaction, &row, actor, actor.user.id)
        .await
        .map(|_| ())
}

/// Whether the viewer claimed the device themselves.
pub async fn has_claimed(services: &Services, viewer: &ViewerOf) -> Result<bool, AppError> {
    let device = device::Entity::find_by_id(viewer.device().id)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let user = viewer.actor().user.id.0;
    Ok(device.is_some_and(|device| device.owner_id == Some(user)))
}

/// Ends somebody's access to a device whose row is locked; commits.
async fn end(
    services: &Services,
    transaction: DatabaseTransaction,
    row: &device::Model,
    actor: &Actor,
    user: UserId,
) -> Result<Sharer, AppError> {
    let device = DeviceRef {
        id: row.id,
        uuid: DeviceId(row.uuid),
    };
    if row.owner_id == Some(user.0) {
        return Err(AppError::conflict("claimed_it"));
    }
    let person = sharer(&transaction, device, user).await?;
    Entity::delete_many()
        .filter(Column::DeviceId.eq(device.id))
        .filter(Column::UserId.eq(user.0))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    search::index_nickname(&transaction, device.id, user.0, None).await?;
    let target = Some(device.uuid.to_string());
    let detail = json!({ "with": person.name });
    audit::record(services, &transaction, actor, "unshare", target, detail).await?;
    let (services, actor) = (services.clone(), actor.clone());
    commit_then(transaction, async move {
        tell(&services, &actor, device, user, &person.name, None).await?;
        Ok(person)
    })
    .await
}

/// Somebody with a role on a device that they have not claimed.
async fn sharer(
    transaction: &DatabaseTransaction,
    device: DeviceRef,
    user: UserId,
) -> Result<Sharer, AppError> {
    let access = Entity::find()
        .filter(Column::DeviceId.eq(device.id))
        .filter(Column::UserId.eq(user.0))
        .one(transaction)
        .await
        .map_err(internal)?;
    let role = access.and_then(|access| DeviceRole::parse(access.role.as_deref()?));
    let person = user::Entity::find_by_id(user.0)
        .one(transaction)
        .await
        .map_err(internal)?;
    let (role, person) = role.zip(person).ok_or(AppError::NotFound)?;
    Ok(Sharer {
        id: user,
        name: person.name,
        email: person.email.parse::<Email>().map_err(internal)?,
        role,
        claimed: false,
    })
}

/// On the device's page, and to everybody whose pages show others now.
async fn tell(
    services: &Services,
    actor: &Actor,
    device: DeviceRef,
    user: UserId,
    name: &str,
    role: Option<DeviceRole>,
) -> Result<(), AppError> {
    let detail = json!({
        "by": actor.user.name,
        "with": name,
        "role": role.map(DeviceRole::as_str),
    });
    let (kind, severity) = (EventKind::Access, Severity::Info);
    let (id, uuid) = (device.id, device.uuid);
    let recorded = events::record(services, id, uuid, kind, severity, detail).await;
    // Whoever lost their access is told so even where the event could not be recorded.
    let changes = vec![
        LiveEvent::Access { user },
        LiveEvent::Device { device: uuid },
    ];
    services.bus.publish(changes).await;
    recorded
}
