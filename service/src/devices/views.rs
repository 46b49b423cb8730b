//! Lists that are kept to be seen again: one's own, and those that administrators show to everybody.

use domain::{AppError, UserId, finding::SavedView};
use entity::saved_view::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, TransactionTrait,
};
use serde_json::json;
use uuid::Uuid;

use super::{list::scope, naming, search};
use crate::{Actor, Services, audit, internal};

/// The most views of one person.
const MOST: u64 = 50;
/// The longest address, in bytes: a filter of 1,000 Korean letters is longer than that of anybody.
const MOST_BYTES: usize = 4_000;
/// What an address may say.
const SAYS: [&str; 9] = [
    "q",
    "presence",
    "lifecycle",
    "kind",
    "sort",
    "reverse",
    "col",
    "density",
    "page",
];

/// A wish to keep a list.
#[derive(Debug, Clone)]
pub struct NewView {
    /// What to call it.
    pub name: String,
    /// What follows `/devices?` in its address.
    pub address: String,
    /// Whether everybody is shown it; administrators only.
    pub shared: bool,
}

/// The actor's views, and those that are shown to everybody, by name.
pub async fn list(services: &Services, actor: &Actor) -> Result<Vec<SavedView>, AppError> {
    // Who is an administrator now may change what others see.
    let question = format!("{} views {}", scope(actor), actor.user.role.is_admin());
    let kept = services
        .found()
        .answer(services, question, async || read(services, actor).await);
    kept.await.map(|views| Vec::clone(&views))
}

async fn read(services: &Services, actor: &Actor) -> Result<Vec<SavedView>, AppError> {
    let rows = Entity::find()
        .filter(seen_by(actor))
        .order_by_asc(Column::CreatedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let mut views: Vec<SavedView> = rows.into_iter().map(|row| of_row(actor, row)).collect();
    views.sort_by_cached_key(|view| search::sort_key(&view.name));
    Ok(views)
}

/// Keeps a list. One of the same name is replaced, so that a view can be changed by keeping it again.
pub async fn save(
    services: &Services,
    actor: &Actor,
    wish: NewView,
) -> Result<SavedView, AppError> {
    let wish = checked(actor, &wish)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let same = Entity::find()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::Name.eq(&wish.name))
        .one(&transaction)
        .await
        .map_err(internal)?;
    let was_shared = same.as_ref().is_some_and(|row| row.shared);
    let row = if let Some(row) = same {
        let mut change: ActiveModel = row.into();
        change.address = Set(wish.address);
        change.shared = Set(wish.shared);
        change.update(&transaction).await.map_err(internal)?
    } else {
        let own = Entity::find()
            .filter(Column::UserId.eq(actor.user.id.0))
            .count(&transaction)
            .await
            .map_err(internal)?;
        if own >= MOST {
            return Err(AppError::conflict("too_many_views"));
        }
        let row = ActiveModel {
            id: Set(Uuid::new_v4()),
            user_id: Set(actor.user.id.0),
            name: Set(wish.name),
            address: Set(wish.address),
            shared: Set(wish.shared),
            created_ms: Set(services.now().0),
        };
        row.insert(&transaction).await.map_err(internal)?
    };
    if row.shared || was_shared {
        let detail = json!({ "name": row.name, "address": row.address, "shared": row.shared });
        let target = Some(row.id.to_string());
        audit::record(services, &transaction, actor, "save_view", target, detail).await?;
    }
    transaction.commit().await.map_err(internal)?;
    services.found().forget();
    Ok(of_row(actor, row))
}

/// Forgets a view of one's own, or as an administrator one that everybody is shown; gives it back.
pub async fn delete(services: &Services, actor: &Actor, id: Uuid) -> Result<SavedView, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = Entity::find_by_id(id)
        .filter(seen_by(actor))
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    if !may_change(actor, &row) {
        return Err(AppError::Forbidden);
    }
    Entity::delete_by_id(id)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if row.shared {
        let detail = json!({ "name": row.name, "address": row.address });
        let target = Some(id.to_string());
        audit::record(services, &transaction, actor, "delete_view", target, detail).await?;
    }
    transaction.commit().await.map_err(internal)?;
    services.found().forget();
    Ok(of_row(actor, row))
}

fn seen_by(actor: &Actor) -> Condition {
    Condition::any()
        .add(Column::UserId.eq(actor.user.id.0))
        .add(Column::Shared.eq(true))
}

fn may_change(actor: &Actor, row: &Model) -> bool {
    UserId(row.user_id) == actor.user.id || actor.user.role.is_admin()
}

fn of_row(actor: &Actor, row: Model) -> SavedView {
    SavedView {
        may_change: may_change(actor, &row),
        id: row.id.to_string(),
        name: row.name,
        address: row.address,
        shared: row.shared,
    }
}

fn checked(actor: &Actor, wish: &NewView) -> Result<NewView, AppError> {
    if wish.shared {
        actor.require_admin()?;
    }
    let address = wish.address.trim_start_matches('?').to_owned();
    let known = url::form_urlencoded::parse(address.as_bytes())
        .all(|(name, _)| SAYS.contains(&name.as_ref()));
    // As RFC 3986 writes a query.
    let plain = address
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%&=+,:@!*()'/?;$".contains(&byte));
    if !known || !plain || address.len() > MOST_BYTES {
        return Err(AppError::invalid("address", "view_address"));
    }
    Ok(NewView {
        name: naming::check(&wish.name)?,
        address,
        shared: wish.shared,
    })
}
