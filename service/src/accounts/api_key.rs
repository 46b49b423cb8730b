//! API keys: a person's long-lived key for their programs, revocable singly.

use domain::{AppError, TimestampMs};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};
use serde_json::json;
use uuid::Uuid;

use super::{Client, active_user, me, token::secret_text};
use crate::{Actor, Services, audit, internal, names};

/// Keys of one person that may work at a time.
pub const MOST: u64 = 50;
const PREFIX: &str = "mdg_";
const MAX_NAME_CHARS: usize = 80;
const TOUCH_MS: i64 = 60_000;

/// A key as its owner sees it later: never the key itself.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// What its owner called it.
    pub name: String,
    /// When it was made.
    pub created_at: TimestampMs,
    /// When it was last used.
    pub last_used_at: Option<TimestampMs>,
}

/// A key that was just made. Never printed: it has no `Debug`.
pub struct MadeKey {
    /// The key itself, shown once.
    pub key: String,
    /// As it is listed from now on.
    pub listed: ApiKey,
}

/// Makes a key; a person has at most [`MOST`].
pub async fn create(services: &Services, actor: &Actor, name: &str) -> Result<MadeKey, AppError> {
    use entity::api_key::{Column, Entity};
    let name = names::checked("name", name, MAX_NAME_CHARS)?;
    let key = format!("{PREFIX}{}", secret_text::new());
    let row = entity::api_key::ActiveModel {
        id: Set(Uuid::now_v7()),
        user_id: Set(actor.user.id.0),
        name: Set(name),
        key_hash: Set(secret_text::hash(&key).to_vec()),
        created_ms: Set(services.now().0),
        last_used_ms: Set(None),
        revoked_ms: Set(None),
    };
    let transaction = services.db.write.begin().await.map_err(internal)?;
    // One after another: two at once must not both be the last.
    let user = entity::user::Entity::find_by_id(actor.user.id.0)
        .lock_exclusive()
        .one(&transaction)
        .await
        .map_err(internal)?;
    if user.is_none() {
        return Err(AppError::SignedOut);
    }
    let working = Entity::find()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::RevokedMs.is_null())
        .count(&transaction)
        .await
        .map_err(internal)?;
    if working >= MOST {
        return Err(AppError::conflict("too_many_keys"));
    }
    let row = row.insert(&transaction).await.map_err(internal)?;
    let (action, target) = ("create_api_key", Some(row.id.to_string()));
    let detail = json!({ "name": row.name });
    audit::record(services, &transaction, actor, action, target, detail).await?;
    transaction.commit().await.map_err(internal)?;
    Ok(MadeKey {
        key,
        listed: of_row(row),
    })
}

fn of_row(row: entity::api_key::Model) -> ApiKey {
    ApiKey {
        id: row.id,
        name: row.name,
        created_at: TimestampMs(row.created_ms),
        last_used_at: row.last_used_ms.map(TimestampMs),
    }
}

/// The actor's keys that work, newest first.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<ApiKey>, AppError> {
    use entity::api_key::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::RevokedMs.is_null())
        .order_by_desc(Column::CreatedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows.into_iter().map(of_row).collect())
}

/// Ends one of the actor's keys.
pub async fn revoke(services: &Services, actor: &Actor, id: Uuid) -> Result<(), AppError> {
    use entity::api_key::{Column, Entity};
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedMs, services.now().0.into())
        .filter(Column::Id.eq(id))
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::RevokedMs.is_null())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if revoked.rows_affected == 0 {
        return Err(AppError::NotFound);
    }
    let (action, target) = ("revoke_api_key", Some(id.to_string()));
    audit::record(services, &transaction, actor, action, target, json!({})).await?;
    transaction.commit().await.map_err(internal)
}

/// Who a key speaks for.
pub async fn actor_of_key(
    services: &Services,
    key: &str,
    client: &Client,
) -> Result<Actor, AppError> {
    use entity::api_key::{Column, Entity};
    let row = Entity::find()
        .filter(Column::KeyHash.eq(secret_text::hash(key).to_vec()))
        .filter(Column::RevokedMs.is_null())
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::SignedOut)?;
    let user = active_user(services, row.user_id)
        .await?
        .ok_or(AppError::SignedOut)?;
    let now = services.now().0;
    if row.last_used_ms.is_none_or(|at| now - at > TOUCH_MS) {
        let mut row: entity::api_key::ActiveModel = row.into();
        row.last_used_ms = Set(Some(now));
        row.update(&services.db.write).await.map_err(internal)?;
    }
    Ok(Actor {
        user: me(&user)?,
        address: client.address.clone(),
    })
}
