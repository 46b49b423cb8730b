//! The first administrator, made with the one-time code that the server prints.

use domain::{AppError, account::Me, role::SiteRole};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    sea_query::OnConflict,
};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{Client, NewAccount, SignedIn, limit, registration, session, token::secret_text};
use crate::{Services, internal};

const SETTING: &str = "setup_code_hash";

/// Whether the site still waits for its first administrator.
pub async fn needs_setup(services: &Services) -> Result<bool, AppError> {
    is_empty(&services.db.read).await
}

/// A new setup code where there is nobody yet; the one before it is void. Only its hash is kept.
pub async fn make_setup_code(services: &Services) -> Result<Option<String>, AppError> {
    if !needs_setup(services).await? {
        return Ok(None);
    }
    let mut bytes = [0_u8; 10];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    let text = data_encoding::BASE32_NOPAD.encode(&bytes);
    let groups: Vec<&str> = [0, 4, 8, 12].iter().map(|at| &text[*at..*at + 4]).collect();
    let code = groups.join("-");
    let row = entity::setting::ActiveModel {
        key: Set(SETTING.to_owned()),
        value: Set(json!(hash(&code))),
    };
    entity::setting::Entity::insert(row)
        .on_conflict(
            OnConflict::column(entity::setting::Column::Key)
                .update_column(entity::setting::Column::Value)
                .to_owned(),
        )
        .exec(&services.db.write)
        .await
        .map_err(internal)?;
    Ok(Some(code))
}

/// How the trail says that the first administrator was made.
const SET_UP: &str = "set_up";

/// Makes the first administrator with the one-time setup code; signs them in.
pub async fn set_up(
    services: &Services,
    code: &str,
    account: NewAccount,
    client: &Client,
) -> Result<SignedIn, AppError> {
    let (transaction, row) = make(services, code, account, client).await?;
    let signed_in = session::start(services, &transaction, row, client, SET_UP).await?;
    transaction.commit().await.map_err(internal)?;
    tracing::info!(user = %signed_in.me.id, "the first administrator was made");
    Ok(signed_in)
}

/// As [`set_up`], for somebody else: nobody is signed in by it, and they have not signed in yet.
pub async fn set_up_another(
    services: &Services,
    code: &str,
    account: NewAccount,
    client: &Client,
) -> Result<Me, AppError> {
    let (transaction, row) = make(services, code, account, client).await?;
    let me = session::write_down(services, &transaction, &row, client, SET_UP).await?;
    transaction.commit().await.map_err(internal)?;
    tracing::info!(user = %me.id, "the first administrator was made");
    Ok(me)
}

/// Makes the first account in a transaction that is the caller's to commit; the setup code is used up in it.
async fn make(
    services: &Services,
    code: &str,
    account: NewAccount,
    client: &Client,
) -> Result<(DatabaseTransaction, entity::user::Model), AppError> {
    let attempt = limit::begin(services, "setup", client.subject(), None).await?;
    let known = entity::setting::Entity::find_by_id(SETTING.to_owned())
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .and_then(|row| row.value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default();
    if known.is_empty() || !bool::from(known.as_bytes().ct_eq(hash(code).as_bytes())) {
        attempt.fail().await;
        return Err(AppError::invalid("code", "setup_code"));
    }
    attempt.succeed();
    let account = registration::check(services, account).await?;
    let transaction = sea_orm::TransactionTrait::begin(&services.db.write)
        .await
        .map_err(internal)?;
    if !is_empty(&transaction).await? {
        return Err(AppError::conflict("already_set_up"));
    }
    let row = registration::insert(services, &transaction, account, SiteRole::PrimeAdmin).await?;
    let used = entity::setting::Entity::delete_by_id(SETTING.to_owned())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if used.rows_affected == 0 {
        // Another used the code between the look and now.
        return Err(AppError::conflict("already_set_up"));
    }
    Ok((transaction, row))
}

async fn is_empty<C: ConnectionTrait>(connection: &C) -> Result<bool, AppError> {
    let people = entity::user::Entity::find()
        .count(connection)
        .await
        .map_err(internal)?;
    Ok(people == 0)
}

/// Typing is forgiving: case, spaces and hyphens do not count.
fn hash(code: &str) -> String {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    hex::encode(secret_text::hash(&plain))
}
