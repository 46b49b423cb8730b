//! Access tokens (JWT, 10 minutes) and rotating refresh tokens of the REST interface.
//!
//! A refresh token works once. One that comes again was stolen, on one side or the other: its whole
//! family ends.

use domain::{AppError, DeviceId, UserId, device::Lifecycle};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::SharedSecret;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Client, active_user, me, session};
use crate::{Actor, Services, downlink, identity, internal};

/// Seconds that a person's access token works.
pub const ACCESS_S: i64 = 10 * 60;
/// Seconds that a device's token works.
pub const DEVICE_S: i64 = 15 * 60;
const REFRESH_MS: i64 = 30 * 24 * 3_600_000;

/// The key that signs access tokens.
pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

impl TokenKeys {
    /// Keys derived from the site's key.
    pub fn derive(site_key: &[u8; 32]) -> Self {
        let key = secret_text::hash(&format!("access tokens\n{}", hex::encode(site_key)));
        Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
        }
    }
}

/// What a client of the REST interface is given.
#[derive(Debug, Clone, Serialize)]
pub struct Tokens {
    /// The JWT for `Authorization: Bearer`.
    pub access_token: String,
    /// Gives new tokens, once.
    pub refresh_token: String,
    /// Seconds that the access token works.
    pub expires_in: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    kind: Kind,
    iat: i64,
    exp: i64,
    /// Of which ownership a device's token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ownership: Option<i64>,
    /// By which of that ownership's secrets it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretMark>,
}

/// Tells the secrets of a device apart without telling anything of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMark(u64);

impl SecretMark {
    /// The mark of this secret.
    pub fn of(secret: &SharedSecret) -> Self {
        let hash = secret_text::hash(&format!("device token\n{}", secret.to_base64url()));
        let first = hash.first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }
}

/// A device that has shown its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenDevice {
    /// Which.
    pub device: DeviceId,
    /// The ownership whose secret it has.
    pub ownership: i64,
    /// Which of the secrets of that ownership: it has another once it must enrol again. None where nobody owns it.
    pub secret: Option<SecretMark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    Device,
}

/// Signs in with address and password; limited as in the browser.
pub async fn log_in(
    services: &Services,
    email: &str,
    password: &str,
    client: &Client,
) -> Result<Tokens, AppError> {
    let user = session::check_password(services, email, password, client).await?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let tokens = start(services, &transaction, user, client, "sign_in").await?;
    transaction.commit().await.map_err(internal)?;
    Ok(tokens)
}

/// The first tokens of a family for this person; the trail says by which action.
pub(super) async fn start<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: entity::user::Model,
    client: &Client,
    action: &str,
) -> Result<Tokens, AppError> {
    let me = session::let_in(services, connection, row, client, action).await?;
    issue(services, connection, me.id.0, Uuid::now_v7()).await
}

/// Gives new tokens for a refresh token, which is then used up.
pub async fn refresh(services: &Services, refresh_token: &str) -> Result<Tokens, AppError> {
    use entity::refresh_token::{Column, Entity};
    let hash = secret_text::hash(refresh_token).to_vec();
    let now = services.now().0;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = Entity::find_by_id(hash.clone())
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::SignedOut)?;
    if row.expires_ms <= now {
        return Err(AppError::SignedOut);
    }
    let used = Entity::update_many()
        .col_expr(Column::UsedMs, now.into())
        .filter(Column::TokenHash.eq(hash))
        .filter(Column::UsedMs.is_null())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    if used.rows_affected == 0 {
        end_family(&transaction, row.family).await?;
        transaction.commit().await.map_err(internal)?;
        tracing::warn!(target: "security", user = %row.user_id, "a refresh token came again");
        return Err(AppError::SignedOut);
    }
    let active = entity::user::Entity::find_by_id(row.user_id)
        .one(&transaction)
        .await
        .map_err(internal)?
        .is_some_and(|user| user.disabled_ms.is_none());
    if !active {
        return Err(AppError::SignedOut);
    }
    let tokens = issue(services, &transaction, row.user_id, row.family).await?;
    transaction.commit().await.map_err(internal)?;
    Ok(tokens)
}

/// Ends the family of a refresh token; an unknown one has ended already.
pub async fn log_out(services: &Services, refresh_token: &str) -> Result<(), AppError> {
    let row = entity::refresh_token::Entity::find_by_id(secret_text::hash(refresh_token).to_vec())
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    match row {
        Some(row) => end_family(&services.db.write, row.family).await,
        None => Ok(()),
    }
}

/// Who an access token speaks for.
pub async fn actor_of_token(
    services: &Services,
    token: &str,
    client: &Client,
) -> Result<Actor, AppError> {
    let id = subject(services, token, Kind::User)?;
    let user = active_user(services, id)
        .await?
        .ok_or(AppError::SignedOut)?;
    Ok(Actor {
        user: me(&user)?,
        address: client.address.clone(),
    })
}

/// A token of 15 minutes with which a device speaks for itself alone, as long as its present ownership lasts.
pub fn issue_for_device(services: &Services, of: TokenDevice) -> Result<(String, i64), AppError> {
    let token = sign(services, of.device.0, Kind::Device, Some(of), DEVICE_S)?;
    Ok((token, DEVICE_S))
}

/// The device that a token speaks for. One of a former ownership or by a former secret is nobody's: it may be a stolen
/// copy's. Nor does one speak for a device that is blocked.
pub async fn device_of_token(services: &Services, token: &str) -> Result<TokenDevice, AppError> {
    let claims = claims(services, token, Kind::Device)?;
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(claims.sub))
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .filter(|row| claims.ownership == Some(row.ownership))
        .ok_or(AppError::SignedOut)?;
    let of = TokenDevice {
        device: DeviceId(claims.sub),
        ownership: row.ownership,
        secret: claims.secret,
    };
    // A revoked device has no secret any more, and is told that it was revoked.
    if row.lifecycle != Lifecycle::Revoked.as_str() {
        check(services, &services.db.read, &row, of).await?;
    }
    Ok(of)
}

/// Refuses a token that was given for another ownership or another secret than the device of this row has, and
/// every one while the device is blocked.
pub(crate) async fn check<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: &entity::device::Model,
    of: TokenDevice,
) -> Result<(), AppError> {
    let secret = downlink::secret_of(&services.vault, row)?;
    let holds = of.ownership == row.ownership && of.secret == secret.as_ref().map(SecretMark::of);
    match holds && !identity::is_blocked(connection, row.id).await? {
        true => Ok(()),
        false => Err(AppError::SignedOut),
    }
}

/// Ends every refresh token of a person.
pub(crate) async fn end_all<C: ConnectionTrait>(
    connection: &C,
    user: UserId,
) -> Result<(), AppError> {
    entity::refresh_token::Entity::delete_many()
        .filter(entity::refresh_token::Column::UserId.eq(user.0))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

async fn issue<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    user: Uuid,
    family: Uuid,
) -> Result<Tokens, AppError> {
    let now = services.now().0;
    let refresh_token = secret_text::new();
    let row = entity::refresh_token::ActiveModel {
        token_hash: Set(secret_text::hash(&refresh_token).to_vec()),
        family: Set(family),
        user_id: Set(user),
        created_ms: Set(now),
        expires_ms: Set(now + REFRESH_MS),
        used_ms: Set(None),
    };
    row.insert(connection).await.map_err(internal)?;
    Ok(Tokens {
        access_token: sign(services, user, Kind::User, None, ACCESS_S)?,
        refresh_token,
        expires_in: ACCESS_S,
    })
}

async fn end_family<C: ConnectionTrait>(connection: &C, family: Uuid) -> Result<(), AppError> {
    entity::refresh_token::Entity::delete_many()
        .filter(entity::refresh_token::Column::Family.eq(family))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

fn sign(
    services: &Services,
    sub: Uuid,
    kind: Kind,
    of: Option<TokenDevice>,
    seconds: i64,
) -> Result<String, AppError> {
    let iat = services.now().0 / 1_000;
    let claims = Claims {
        sub,
        kind,
        iat,
        exp: iat + seconds,
        ownership: of.map(|of| of.ownership),
        secret: of.and_then(|of| of.secret),
    };
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &services.tokens.encoding,
    )
    .map_err(internal)
}

fn subject(services: &Services, token: &str, kind: Kind) -> Result<Uuid, AppError> {
    claims(services, token, kind).map(|claims| claims.sub)
}

fn claims(services: &Services, token: &str, kind: Kind) -> Result<Claims, AppError> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The site's own clock decides, not the library's.
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Claims>(token, &services.tokens.decoding, &validation)
        .map_err(|_| AppError::SignedOut)?;
    let alive = decoded.claims.exp > services.now().0 / 1_000;
    match decoded.claims.kind == kind && alive {
        true => Ok(decoded.claims),
        false => Err(AppError::SignedOut),
    }
}

/// Random texts that stand for a person, and the hashes that are kept of them.
pub(crate) mod secret_text {
    use data_encoding::BASE64URL_NOPAD;
    use rand::Rng as _;
    use sha2::{Digest, Sha256};

    /// 256 random bits as unpadded base64url.
    pub(crate) fn new() -> String {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// SHA-256: these texts have too much entropy to need a slow hash.
    pub(crate) fn hash(text: &str) -> [u8; 32] {
        Sha256::digest(text.as_bytes()).into()
    }
}
