//! Deleting one's own account: its devices are given up, and nothing signs in as it any more.
//!
//! What the person did stays in the trail, and what they commanded in their devices' history, by their id.

use domain::{AppError, DeviceId, UserId, live::LiveEvent, role::SiteRole};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, TransactionTrait};
use serde_json::json;

use super::{Client, apps, people::PrimeAdmins, session, token};
use crate::{Actor, Services, apart::apart, audit, devices, internal};

/// Deletes the actor's account, given its password. Every device of theirs is unlinked: its secret is void
/// and it waits to be claimed. The last prime administrator stays.
pub async fn delete_account(
    services: &Services,
    actor: &Actor,
    client: &Client,
    password: &str,
) -> Result<(), AppError> {
    let email = actor.user.email.as_str();
    session::check_password(services, email, password, client).await?;
    let user = actor.user.id;
    if actor.user.role == SiteRole::PrimeAdmin {
        // Before anything is given up; it is looked at again with the deletion.
        let looked = services.db.write.begin().await.map_err(internal)?;
        PrimeAdmins::locked(&looked).await?.without(user)?;
    }
    let (services, actor) = (services.clone(), actor.clone());
    apart(async move { give_up(&services, &actor).await }).await
}

/// Gives every device of a person up, and then their account.
async fn give_up(services: &Services, actor: &Actor) -> Result<(), AppError> {
    let user = actor.user.id;
    loop {
        for device in owned(services, user).await? {
            let owner = actor.require_owner(services, device).await?;
            match devices::unlink(services, &owner).await {
                // Another gave it up, or it was revoked, at this moment.
                Ok(()) | Err(AppError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let apps = apps::serials(services, &services.db.read, user).await?;
        if delete(services, actor).await? {
            apps::end(services, user, &apps).await;
            services.bus.publish(vec![LiveEvent::Access { user }]).await;
            return Ok(());
        }
    }
}

/// The devices that a secret ties to this person.
async fn owned(services: &Services, user: UserId) -> Result<Vec<DeviceId>, AppError> {
    use entity::device::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::OwnerId.eq(user.0))
        .filter(Column::Lifecycle.eq(domain::device::Lifecycle::Active.as_str()))
        .order_by_asc(Column::Id)
        .all(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(|row| DeviceId(row.uuid)).collect())
}

/// Deletes the account and all that lets somebody in as it; not where a device was claimed meanwhile.
async fn delete(services: &Services, actor: &Actor) -> Result<bool, AppError> {
    let user = actor.user.id;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let primes = PrimeAdmins::locked(&transaction).await?;
    let active = domain::device::Lifecycle::Active.as_str();
    let claimed = entity::device::Entity::find()
        .filter(entity::device::Column::OwnerId.eq(user.0))
        .filter(entity::device::Column::Lifecycle.eq(active))
        .one(&transaction)
        .await
        .map_err(internal)?;
    if claimed.is_some() {
        return Ok(false);
    }
    if actor.user.role == SiteRole::PrimeAdmin {
        primes.without(user)?;
    }
    macro_rules! delete {
        ($($table:ident . $column:ident),+) => {$(
            entity::$table::Entity::delete_many()
                .filter(entity::$table::Column::$column.eq(user.0))
                .exec(&transaction)
                .await
                .map_err(internal)?;
        )+};
    }
    delete!(
        session.UserId,
        api_key.UserId,
        device_access.UserId,
        search_gram.UserId,
        saved_view.UserId,
        tag_act.UserId,
        former_address.UserId,
        invitation.CreatedBy
    );
    token::end_all(&transaction, user).await?;
    entity::device::Entity::update_many()
        .col_expr(
            entity::device::Column::OwnerId,
            Option::<uuid::Uuid>::None.into(),
        )
        .filter(entity::device::Column::OwnerId.eq(user.0))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let now = services.now().0;
    entity::certificate::Entity::update_many()
        .col_expr(entity::certificate::Column::RevokedMs, now.into())
        .filter(entity::certificate::Column::UserId.eq(user.0))
        .filter(entity::certificate::Column::RevokedMs.is_null())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let target = Some(actor.user.email.to_string());
    let action = "delete_account";
    audit::record(services, &transaction, actor, action, target, json!({})).await?;
    entity::user::Entity::delete_by_id(user.0)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    Ok(true)
}
