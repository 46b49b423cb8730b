//! Browser sessions: opaque, on the server, ended by signing out.

use domain::{
    AppError, TimestampMs,
    account::{Me, SessionInfo},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, JoinType,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};
use serde_json::json;

use super::{Client, SignedIn, limit, me, password, token::secret_text};
use crate::{Actor, Services, audit, internal};

/// A session ends this long after it was last used, in milliseconds: 30 days.
const IDLE_MS: i64 = 30 * 24 * 3_600_000;
/// Using a session is written down at most this often, in milliseconds.
const TOUCH_MS: i64 = 5 * 60_000;
const MAX_AGENT_CHARS: usize = 200;

/// Signs in; limited to 5 wrong tries a minute for an address (and to some more for a client), and slowed.
pub async fn sign_in(
    services: &Services,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let row = check_password(services, email, password, client).await?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let signed_in = start(services, &transaction, row, client, "sign_in").await?;
    transaction.commit().await.map_err(internal)?;
    Ok(signed_in)
}

/// The person with this address and password; wrong ones are limited and slowed, as is what is no address: that is
/// nobody's, and no database is asked for it.
pub(super) async fn check_password(
    services: &Services,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<entity::user::Model, AppError> {
    let address = email.parse::<domain::Email>().ok();
    let subject = address
        .as_ref()
        .map_or_else(|| email.chars().take(254).collect(), ToString::to_string);
    let attempt = limit::begin(services, "password", &subject, client.address.as_deref()).await?;
    let row = match &address {
        Some(address) => entity::user::Entity::find()
            .filter(entity::user::Column::Email.eq(address.as_str()))
            .one(&services.db.read)
            .await
            .map_err(internal)?
            .filter(|row| row.disabled_ms.is_none()),
        None => None,
    };
    let hash = row.as_ref().map(|row| row.password_hash.as_str());
    let right = password::verify(services, password, hash).await?;
    match row.filter(|_| right) {
        Some(row) => {
            attempt.succeed();
            Ok(row)
        }
        None => {
            tracing::warn!(target: "security", address = client.address, "wrong password");
            attempt.fail().await;
            Err(AppError::invalid("password", "wrong_password"))
        }
    }
}

/// Starts a session of this person; the trail says by which action.
pub(super) async fn start<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: entity::user::Model,
    client: &Client,
    action: &str,
) -> Result<SignedIn, AppError> {
    let now = services.now().0;
    let token = secret_text::new();
    let session = entity::session::ActiveModel {
        token_hash: Set(secret_text::hash(&token).to_vec()),
        user_id: Set(row.id),
        created_ms: Set(now),
        last_seen_ms: Set(now),
        expires_ms: Set(now + IDLE_MS),
        user_agent: Set(client
            .user_agent
            .as_ref()
            .map(|agent| agent.chars().take(MAX_AGENT_CHARS).collect())),
        address: Set(client.address.clone()),
    };
    session.insert(connection).await.map_err(internal)?;
    let me = let_in(services, connection, row, client, action).await?;
    entity::session::Entity::delete_many()
        .filter(entity::session::Column::ExpiresMs.lt(now))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(SignedIn { token, me })
}

/// Writes down that this person was let in, by which action.
pub(super) async fn let_in<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: entity::user::Model,
    client: &Client,
    action: &str,
) -> Result<Me, AppError> {
    let me = write_down(services, connection, &row, client, action).await?;
    let mut row: entity::user::ActiveModel = row.into();
    row.last_sign_in_ms = Set(Some(services.now().0));
    row.update(connection).await.map_err(internal)?;
    Ok(me)
}

/// Writes down what was done in the name of this person, who is not let in by it.
pub(super) async fn write_down<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: &entity::user::Model,
    client: &Client,
    action: &str,
) -> Result<Me, AppError> {
    let me = me(row)?;
    let actor = Actor {
        user: me.clone(),
        address: client.address.clone(),
    };
    let detail = json!({ "user_agent": client.user_agent });
    audit::record(services, connection, &actor, action, None, detail).await?;
    Ok(me)
}

/// Ends a session.
pub async fn sign_out(services: &Services, token: &str) -> Result<(), AppError> {
    entity::session::Entity::delete_by_id(secret_text::hash(token).to_vec())
        .exec(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(())
}

/// Ends every session of the actor but the one of `token`.
pub async fn end_other_sessions(
    services: &Services,
    actor: &Actor,
    token: &str,
) -> Result<u64, AppError> {
    end_others(&services.db.write, actor, token).await
}

/// As [`end_other_sessions`], in the caller's transaction.
pub(super) async fn end_others<C: ConnectionTrait>(
    connection: &C,
    actor: &Actor,
    token: &str,
) -> Result<u64, AppError> {
    use entity::session::{Column, Entity};
    let ended = Entity::delete_many()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::TokenHash.ne(secret_text::hash(token).to_vec()))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(ended.rows_affected)
}

/// The actor's sessions, the one last used first; `token` tells which of them asks.
pub async fn list_sessions(
    services: &Services,
    actor: &Actor,
    token: &str,
) -> Result<Vec<SessionInfo>, AppError> {
    use entity::session::{Column, Entity};
    let own = secret_text::hash(token);
    let rows = Entity::find()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::ExpiresMs.gt(services.now().0))
        .order_by_desc(Column::LastSeenMs)
        .order_by_desc(Column::CreatedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .map(|row| SessionInfo {
            current: row.token_hash == own,
            id: hex::encode(row.token_hash),
            created_at: TimestampMs(row.created_ms),
            last_seen_at: TimestampMs(row.last_seen_ms),
            user_agent: row.user_agent,
            address: row.address,
        })
        .collect())
}

/// Ends one of the actor's sessions; one that has ended already, or is another person's, is not found.
pub async fn end_session(services: &Services, actor: &Actor, id: &str) -> Result<(), AppError> {
    use entity::session::{Column, Entity};
    let hash = hex::decode(id).map_err(|_| AppError::NotFound)?;
    let ended = Entity::delete_many()
        .filter(Column::UserId.eq(actor.user.id.0))
        .filter(Column::TokenHash.eq(hash))
        .exec(&services.db.write)
        .await
        .map_err(internal)?;
    match ended.rows_affected {
        0 => Err(AppError::NotFound),
        _ => Ok(()),
    }
}

/// Who a session belongs to; `None` where it is unknown or has ended.
pub async fn actor_of_session(
    services: &Services,
    token: &str,
    client: &Client,
) -> Result<Option<Actor>, AppError> {
    let now = services.now().0;
    let found = entity::session::Entity::find_by_id(secret_text::hash(token).to_vec())
        .filter(entity::session::Column::ExpiresMs.gt(now))
        .filter(entity::user::Column::DisabledMs.is_null())
        .join(
            JoinType::InnerJoin,
            entity::session::Entity::belongs_to(entity::user::Entity)
                .from(entity::session::Column::UserId)
                .to(entity::user::Column::Id)
                .into(),
        )
        .select_also(entity::user::Entity)
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let Some((session, Some(user))) = found else {
        return Ok(None);
    };
    if now - session.last_seen_ms > TOUCH_MS {
        let mut session: entity::session::ActiveModel = session.into();
        session.last_seen_ms = Set(now);
        session.expires_ms = Set(now + IDLE_MS);
        session.address = Set(client.address.clone());
        // Signing out at the same moment wins: then there is no row to touch.
        let touched = session.update(&services.db.write).await;
        if let Err(error) = touched
            && !matches!(error, sea_orm::DbErr::RecordNotUpdated)
        {
            return Err(internal(error));
        }
    }
    Ok(Some(Actor {
        user: me(&user)?,
        address: client.address.clone(),
    }))
}
