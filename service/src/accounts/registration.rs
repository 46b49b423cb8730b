//! Accounts and invitations to make one.

use domain::{
    AppError, Email, TimestampMs,
    account::{Invitation, Me, Registration},
    role::SiteRole,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, QueryFilter, QueryOrder, SqlErr, TransactionTrait,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Client, NewAccount, SignedIn, limit, me, password, session,
    token::{self, Tokens, secret_text},
};
use crate::{Admin, Services, audit, internal, names};

/// How long an invitation works, in milliseconds: seven days.
const INVITATION_MS: i64 = 7 * 24 * 3_600_000;
const MAX_NAME_CHARS: usize = 80;

/// A wish for an account whose every part was checked.
pub(super) struct Checked {
    email: Email,
    name: String,
    password_hash: String,
}

/// Checks a wish, its password's hash included.
pub(super) async fn check(services: &Services, account: NewAccount) -> Result<Checked, AppError> {
    let email: Email = account
        .email
        .parse()
        .map_err(|_| AppError::invalid("email", "email"))?;
    let name = names::checked("name", &account.name, MAX_NAME_CHARS)?;
    password::check_new(&account.password)?;
    let password_hash = password::hash(services, &account.password).await?;
    Ok(Checked {
        email,
        name,
        password_hash,
    })
}

/// Writes the account; an address that has one is refused.
pub(super) async fn insert<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    account: Checked,
    role: SiteRole,
) -> Result<entity::user::Model, AppError> {
    let row = entity::user::ActiveModel {
        id: Set(Uuid::now_v7()),
        email: Set(account.email.to_string()),
        name: Set(account.name),
        password_hash: Set(account.password_hash),
        role: Set(role.as_str().to_owned()),
        language: Set(None),
        theme: Set(None),
        created_ms: Set(services.now().0),
        last_sign_in_ms: Set(None),
        disabled_ms: Set(None),
    };
    row.insert(connection).await.map_err(|e| match e.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => AppError::invalid("email", "email_taken"),
        _ => internal(e),
    })
}

/// How the trail says that somebody made an account.
const REGISTER: &str = "register";

/// Makes an account with an invitation code (or without, where registration is open); signs them in.
pub async fn register(
    services: &Services,
    code: Option<&str>,
    account: NewAccount,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let (transaction, row) = make(services, code, account, client).await?;
    let signed_in = session::start(services, &transaction, row, client, REGISTER).await?;
    transaction.commit().await.map_err(internal)?;
    Ok(signed_in)
}

/// As [`register`], for a client of the REST interface.
pub async fn register_for_tokens(
    services: &Services,
    code: Option<&str>,
    account: NewAccount,
    client: &Client,
) -> Result<Tokens, AppError> {
    let (transaction, row) = make(services, code, account, client).await?;
    let tokens = token::start(services, &transaction, row, client, REGISTER).await?;
    transaction.commit().await.map_err(internal)?;
    Ok(tokens)
}

/// Makes an account for somebody else, also where registration is closed: nobody is signed in by it, and they have not
/// signed in yet. Only a prime administrator makes administrators.
pub async fn add_account(
    services: &Services,
    admin: &Admin,
    account: NewAccount,
    role: SiteRole,
) -> Result<Me, AppError> {
    if role.is_admin() {
        admin.actor().require_prime_admin()?;
    }
    let account = check(services, account).await?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let me = me(&insert(services, &transaction, account, role).await?)?;
    let detail = json!({ "email": me.email, "role": role.as_str() });
    let target = Some(me.id.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "add_account",
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    Ok(me)
}

/// Makes an account in a transaction that is the caller's to commit, with what lets the person in.
async fn make(
    services: &Services,
    code: Option<&str>,
    account: NewAccount,
    client: &Client,
) -> Result<(DatabaseTransaction, entity::user::Model), AppError> {
    let attempt = limit::begin(services, "invitation", client.subject(), None).await?;
    let invitation = match code {
        Some(code) => match find_invitation(services, code).await? {
            Some(invitation) => Some(invitation),
            None => {
                attempt.fail().await;
                return Err(AppError::invalid("code", "invitation"));
            }
        },
        None => None,
    };
    // The code was right, or there is none: that does not count.
    attempt.succeed();
    let role = match (&invitation, services.site.registration) {
        (_, Registration::Closed) | (None, Registration::Invite) => {
            return Err(AppError::invalid("code", "invitation_needed"));
        }
        (Some(row), _) => SiteRole::parse(&row.role).unwrap_or(SiteRole::Member),
        (None, Registration::Open) => SiteRole::Member,
    };
    let account = match &invitation {
        Some(_) => check(services, account).await?,
        None => check_stranger(services, account, client).await?,
    };
    let bound = invitation.as_ref().and_then(|row| row.email.as_deref());
    if bound.is_some_and(|email| email != account.email.as_str()) {
        return Err(AppError::invalid("email", "invitation_email"));
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    if let Some(row) = &invitation {
        use entity::invitation::{Column, Entity};
        let used = Entity::update_many()
            .col_expr(Column::UsedMs, services.now().0.into())
            .filter(Column::Id.eq(row.id))
            .filter(Column::UsedMs.is_null())
            .exec(&transaction)
            .await
            .map_err(internal)?;
        if used.rows_affected == 0 {
            return Err(AppError::invalid("code", "invitation"));
        }
    }
    let row = insert(services, &transaction, account, role).await?;
    Ok((transaction, row))
}

/// As [`check`], for one whom nobody invited: each password that is hashed for them counts, also where an account comes
/// of it, so that one client neither makes accounts without end nor keeps those out who sign in.
async fn check_stranger(
    services: &Services,
    account: NewAccount,
    client: &Client,
) -> Result<Checked, AppError> {
    let email: String = account.email.chars().take(254).collect();
    let address = client.address.as_deref();
    let attempt = limit::begin(services, "registration", &email, address).await?;
    let checked = check(services, account).await;
    match &checked {
        // It was refused before anything was hashed.
        Err(AppError::Invalid { .. }) => attempt.succeed(),
        _ => drop(attempt),
    }
    checked
}

/// Makes an invitation; gives its link's code, shown once.
pub async fn invite(
    services: &Services,
    admin: &Admin,
    email: Option<Email>,
    role: SiteRole,
) -> Result<String, AppError> {
    if role.is_admin() {
        admin.actor().require_prime_admin()?;
    }
    let code = secret_text::new();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = entity::invitation::ActiveModel {
        id: Set(Uuid::now_v7()),
        code_hash: Set(secret_text::hash(&code).to_vec()),
        email: Set(email.as_ref().map(ToString::to_string)),
        role: Set(role.as_str().to_owned()),
        created_by: Set(admin.actor().user.id.0),
        created_ms: Set(services.now().0),
        expires_ms: Set(services.now().0 + INVITATION_MS),
        used_ms: Set(None),
    };
    let row = row.insert(&transaction).await.map_err(internal)?;
    let detail = json!({ "email": email, "role": role.as_str() });
    let target = Some(row.id.to_string());
    audit::record(
        services,
        &transaction,
        admin.actor(),
        "invite",
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    Ok(code)
}

/// The invitations that may still be used, newest first.
pub async fn list_invitations(
    services: &Services,
    _admin: &Admin,
) -> Result<Vec<Invitation>, AppError> {
    use entity::invitation::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::UsedMs.is_null())
        .filter(Column::ExpiresMs.gt(services.now().0))
        .order_by_desc(Column::CreatedMs)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let makers = entity::user::Entity::find()
        .filter(entity::user::Column::Id.is_in(rows.iter().map(|row| row.created_by)))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(rows
        .into_iter()
        .map(|row| Invitation {
            id: row.id.to_string(),
            email: row.email.and_then(|email| email.parse().ok()),
            role: SiteRole::parse(&row.role).unwrap_or(SiteRole::Member),
            created_by: makers
                .iter()
                .find(|maker| maker.id == row.created_by)
                .map(|maker| maker.name.clone())
                .unwrap_or_default(),
            expires_at: TimestampMs(row.expires_ms),
        })
        .collect())
}

/// Takes an invitation back.
pub async fn withdraw_invitation(
    services: &Services,
    admin: &Admin,
    id: &str,
) -> Result<(), AppError> {
    let id: Uuid = id.parse().map_err(|_| AppError::NotFound)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let deleted = entity::invitation::Entity::delete_by_id(id)
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if deleted.rows_affected == 0 {
        return Err(AppError::NotFound);
    }
    let target = Some(id.to_string());
    let action = "withdraw_invitation";
    audit::record(
        services,
        &transaction,
        admin.actor(),
        action,
        target,
        json!({}),
    )
    .await?;
    transaction.commit().await.map_err(internal)
}

async fn find_invitation(
    services: &Services,
    code: &str,
) -> Result<Option<entity::invitation::Model>, AppError> {
    use entity::invitation::{Column, Entity};
    Entity::find()
        .filter(Column::CodeHash.eq(secret_text::hash(code.trim()).to_vec()))
        .filter(Column::UsedMs.is_null())
        .filter(Column::ExpiresMs.gt(services.now().0))
        .one(&services.db.read)
        .await
        .map_err(internal)
}
