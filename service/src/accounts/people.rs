//! What administrators do with people: see them, give roles, let them in or not.

use std::collections::HashMap;

use domain::{AppError, Page, TimestampMs, UserId, account::UserSummary, role::SiteRole};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
    sea_query::{Expr, Func, LikeExpr},
};
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::{apps, me, token};
use crate::{Admin, Services, apart::commit_then, audit, internal};

const PAGE_SIZE: u32 = 50;
/// Words of a search that are looked for.
const MOST_WORDS: usize = 8;
/// Characters of a word that are looked for: an address has no more.
const LONGEST_WORD: usize = 254;

/// One page of the people, found by name or address.
pub async fn list_users(
    services: &Services,
    _admin: &Admin,
    search: &str,
    page: u32,
) -> Result<Page<UserSummary>, AppError> {
    use entity::user::{Column, Entity};
    let mut query = Entity::find()
        .order_by_asc(Column::Name)
        .order_by_asc(Column::Id);
    for word in search.split_whitespace().take(MOST_WORDS) {
        let word = word.nfc().flat_map(char::to_lowercase);
        let word: String = word.take(LONGEST_WORD).collect();
        let escaped = word
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        let like = LikeExpr::new(format!("%{escaped}%")).escape('\\');
        query = query.filter(
            Condition::any()
                .add(sea_orm::sea_query::ExprTrait::like(
                    Expr::expr(Func::lower(Expr::col(Column::Name))),
                    like.clone(),
                ))
                .add(Column::Email.like(like)),
        );
    }
    let total = query
        .clone()
        .count(&services.db.read)
        .await
        .map_err(internal)?;
    let page = page.max(1);
    let rows = query
        .offset(u64::from(page - 1) * u64::from(PAGE_SIZE))
        .limit(u64::from(PAGE_SIZE))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let devices = devices_of(services, &rows).await?;
    let items = rows
        .iter()
        .map(|row| {
            let me = me(row)?;
            Ok(UserSummary {
                devices: devices.get(&row.id).copied().unwrap_or(0),
                id: me.id,
                email: me.email,
                name: me.name,
                role: me.role,
                created_at: TimestampMs(row.created_ms),
                last_sign_in_at: row.last_sign_in_ms.map(TimestampMs),
                active: row.disabled_ms.is_none(),
            })
        })
        .collect::<Result<_, AppError>>()?;
    Ok(Page {
        items,
        total,
        page,
        page_size: PAGE_SIZE,
    })
}

async fn devices_of(
    services: &Services,
    rows: &[entity::user::Model],
) -> Result<HashMap<uuid::Uuid, u64>, AppError> {
    use entity::device::{Column, Entity};
    let counts: Vec<(Option<uuid::Uuid>, i64)> = Entity::find()
        .select_only()
        .column(Column::OwnerId)
        .column_as(Column::Id.count(), "devices")
        .filter(Column::OwnerId.is_in(rows.iter().map(|row| row.id)))
        .group_by(Column::OwnerId)
        .into_tuple()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(counts
        .into_iter()
        .filter_map(|(id, n)| Some((id?, u64::try_from(n).unwrap_or(0))))
        .collect())
}

/// Gives a person another role; only a prime administrator touches administrators' roles, and the last
/// prime administrator stays one.
pub async fn set_role(
    services: &Services,
    admin: &Admin,
    user: UserId,
    role: SiteRole,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let primes = PrimeAdmins::locked(&transaction).await?;
    let row = find(&transaction, user).await?;
    let before = me(&row)?.role;
    if role.is_admin() || before.is_admin() {
        admin.actor().require_prime_admin()?;
    }
    if before == SiteRole::PrimeAdmin && role != before {
        primes.without(user)?;
    }
    let mut row: entity::user::ActiveModel = row.into();
    row.role = Set(role.as_str().to_owned());
    row.update(&transaction).await.map_err(internal)?;
    let detail = json!({ "from": before.as_str(), "to": role.as_str() });
    let target = Some(user.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "set_role",
        target,
        detail,
    )
    .await?;
    let services = services.clone();
    commit_then(transaction, async move {
        tell(&services, user).await;
        Ok(())
    })
    .await
}

/// Lets a person sign in, or not; ends their sessions in the latter case.
pub async fn set_active(
    services: &Services,
    admin: &Admin,
    user: UserId,
    active: bool,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let primes = PrimeAdmins::locked(&transaction).await?;
    let row = find(&transaction, user).await?;
    let role = me(&row)?.role;
    if role.is_admin() {
        admin.actor().require_prime_admin()?;
    }
    if role == SiteRole::PrimeAdmin && !active {
        primes.without(user)?;
    }
    let mut row: entity::user::ActiveModel = row.into();
    row.disabled_ms = Set((!active).then(|| services.now().0));
    row.update(&transaction).await.map_err(internal)?;
    let apps = apps::serials(services, &transaction, user).await?;
    if !active {
        entity::session::Entity::delete_many()
            .filter(entity::session::Column::UserId.eq(user.0))
            .exec(&transaction)
            .await
            .map_err(internal)?;
        token::end_all(&transaction, user).await?;
    }
    let action = if active {
        "activate_user"
    } else {
        "deactivate_user"
    };
    let target = Some(user.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        action,
        target,
        json!({}),
    )
    .await?;
    let services = services.clone();
    commit_then(transaction, async move {
        if !active {
            apps::end(&services, user, &apps).await;
        }
        tell(&services, user).await;
        Ok(())
    })
    .await
}

/// A person, whom nobody else changes until the transaction ends.
async fn find(
    transaction: &DatabaseTransaction,
    user: UserId,
) -> Result<entity::user::Model, AppError> {
    entity::user::Entity::find_by_id(user.0)
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

/// The prime administrators who may sign in. Until the transaction ends nobody else makes one of them
/// another, so that of two who would each leave one, the second sees none left.
pub(super) struct PrimeAdmins(Vec<uuid::Uuid>);

impl PrimeAdmins {
    /// To be called before any other person is locked: everybody locks these first, and in one order.
    pub(super) async fn locked(transaction: &DatabaseTransaction) -> Result<Self, AppError> {
        use entity::user::{Column, Entity};
        let rows = Entity::find()
            .filter(Column::Role.eq(SiteRole::PrimeAdmin.as_str()))
            .filter(Column::DisabledMs.is_null())
            .order_by_asc(Column::Id)
            .lock_exclusive()
            .all(transaction)
            .await
            .map_err(internal)?;
        Ok(Self(rows.into_iter().map(|row| row.id).collect()))
    }

    /// Refuses where there is nobody but this one.
    pub(super) fn without(&self, one: UserId) -> Result<(), AppError> {
        match self.0.iter().any(|id| *id != one.0) {
            true => Ok(()),
            false => Err(AppError::conflict("last_prime_admin")),
        }
    }
}

async fn tell(services: &Services, user: UserId) {
    let event = domain::live::LiveEvent::Access { user };
    services.bus.publish(vec![event]).await;
}
