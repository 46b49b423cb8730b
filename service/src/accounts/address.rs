//! Another address of the same person: no new ownership, and the former one stays valid for a while.
//!
//! Invariant: whoever has an address now is the only one who may sign in with it; a former address is
//! good for nothing but the reports that devices signed before they heard of the new one.

use domain::{AppError, DeviceId, Email, TimestampMs, UserId, live::LiveEvent};
use entity::former_address::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, SqlErr, TransactionTrait, sea_query::OnConflict,
};
use serde_json::json;

use super::{Client, apps, session};
use crate::{
    Actor, Services,
    apart::{apart, commit_then},
    audit, devices, internal,
};

/// How long devices may still report under a former address, in milliseconds: 30 days.
pub const FORMER_MS: i64 = 30 * 24 * 3_600_000;

/// Changes a person's address, given their password; their devices are told, and may report under the
/// former one for [`FORMER_MS`]. Their apps connect anew, under the new address, which is given as it is kept.
/// Where it is the present one already, nothing changes and they are told again: what was told before may not have
/// arrived.
pub async fn change(
    services: &Services,
    actor: &Actor,
    client: &Client,
    password: &str,
    new: &str,
) -> Result<Email, AppError> {
    let new: Email = new
        .parse()
        .map_err(|_| AppError::invalid("email", "email"))?;
    let (user, present) = (actor.user.id, &actor.user.email);
    session::check_password(services, present.as_str(), password, client)
        .await
        .map_err(|error| match error {
            AppError::Invalid { .. } => AppError::invalid("password", "wrong_current_password"),
            other => other,
        })?;
    if new == *present {
        let apps = apps::serials(services, &services.db.read, user).await?;
        let services = services.clone();
        apart(async move { tell(&services, user, &apps).await }).await?;
        return Ok(new);
    }
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = entity::user::ActiveModel {
        id: Set(user.0),
        email: Set(new.to_string()),
        ..Default::default()
    };
    row.update(&transaction)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => AppError::invalid("email", "email_taken"),
            _ => internal(error),
        })?;
    // What ended before, and the new one where it is a former one.
    Entity::delete_many()
        .filter(Column::UserId.eq(user.0))
        .filter(
            Condition::any()
                .add(Column::UntilMs.lte(now.0))
                .add(Column::Email.eq(new.as_str())),
        )
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let former = ActiveModel {
        user_id: Set(user.0),
        email: Set(present.to_string()),
        until_ms: Set(now.plus_ms(FORMER_MS).0),
    };
    Entity::insert(former)
        .on_conflict(
            OnConflict::columns([Column::UserId, Column::Email])
                .update_column(Column::UntilMs)
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await
        .map_err(internal)?;
    let (action, target) = ("change_address", Some(user.to_string()));
    let detail = json!({ "from": present, "to": new });
    audit::record(services, &transaction, actor, action, target, detail).await?;
    let apps = apps::serials(services, &transaction, user).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, user, &apps).await?;
        Ok(new)
    })
    .await
}

/// Tells what knows a person by their address that it is another one; gives the first error where a device could not be
/// told, after all the others were.
async fn tell(services: &Services, user: UserId, apps: &[String]) -> Result<(), AppError> {
    // Everything that knows a device by its owner's address reads it again.
    services.bus.publish(vec![LiveEvent::Access { user }]).await;
    apps::end(services, user, apps).await;
    let mut all = Ok(());
    for device in owned(services, user).await? {
        let told = devices::tell_owner(services, device).await;
        if let Err(error) = &told {
            tracing::error!(%device, %error, "a device was not told its owner's new address");
        }
        all = all.and(told);
    }
    all
}

/// The addresses that a person had before, and until when each is valid.
pub(crate) async fn former<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
) -> Result<Vec<(Email, TimestampMs)>, AppError> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user.0))
        .all(connection)
        .await
        .map_err(internal)?;
    rows.into_iter()
        .map(|row| {
            let email = row.email.parse().map_err(internal)?;
            Ok((email, TimestampMs(row.until_ms)))
        })
        .collect()
}

async fn owned(services: &Services, user: UserId) -> Result<Vec<DeviceId>, AppError> {
    use entity::device::{Column, Entity};
    let active = domain::device::Lifecycle::Active.as_str();
    let rows = Entity::find()
        .filter(Column::OwnerId.eq(user.0))
        .filter(Column::Lifecycle.eq(active))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(|row| DeviceId(row.uuid)).collect())
}
