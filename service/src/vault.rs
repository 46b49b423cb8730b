//! Encrypts secrets before they reach the database: XChaCha20-Poly1305 under the site's key.
//!
//! The database keeps a mark that was sealed with the key: another key, or a new one in place of a lost one,
//! is noticed at the start and not when a device's secret does not open.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use domain::AppError;
use rand::Rng as _;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, TransactionTrait};
use serde_json::json;

use crate::{Database, internal};

/// The setting that holds the mark.
const MARK: &str = "vault_mark";
const MARK_PURPOSE: &str = "vault mark";

/// Whether the database holds secrets that only the key they were sealed with can open.
pub async fn holds_secrets(db: &Database) -> Result<bool, AppError> {
    use entity::device::{Column, Entity};
    let marked = entity::setting::Entity::find_by_id(MARK.to_owned())
        .one(&db.read)
        .await
        .map_err(internal)?;
    if marked.is_some() {
        return Ok(true);
    }
    let device = Entity::find()
        .filter(Column::Secret.is_not_null())
        .one(&db.read)
        .await
        .map_err(internal)?;
    Ok(device.is_some())
}

/// Forgets every secret, for a site whose key is lost: its devices must be unlinked and claimed again.
pub async fn forget_secrets(db: &Database) -> Result<(), AppError> {
    use entity::device::{Column, Entity};
    let transaction = db.write.begin().await.map_err(internal)?;
    Entity::update_many()
        .col_expr(Column::Secret, Option::<Vec<u8>>::None.into())
        .filter(Column::Secret.is_not_null())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    entity::setting::Entity::delete_by_id(MARK.to_owned())
        .exec(&transaction)
        .await
        .map_err(internal)?;
    transaction.commit().await.map_err(internal)
}

/// Seals and opens secrets. The key lives in a file of the data folder, not in the database.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// A vault with this 256-bit key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Whether this is the key of the secrets in the database; a database without any is marked with it.
    pub async fn is_of(&self, db: &Database) -> Result<bool, AppError> {
        use entity::{device, setting};
        let mark = setting::Entity::find_by_id(MARK.to_owned())
            .one(&db.read)
            .await
            .map_err(internal)?;
        if let Some(mark) = mark {
            let sealed = mark.value.as_str().and_then(|text| hex::decode(text).ok());
            return Ok(sealed.is_some_and(|sealed| self.open(MARK_PURPOSE, &sealed).is_ok()));
        }
        let device = device::Entity::find()
            .filter(device::Column::Secret.is_not_null())
            .one(&db.read)
            .await
            .map_err(internal)?;
        if let Some(device) = device
            && crate::downlink::secret_of(self, &device).is_err()
        {
            return Ok(false);
        }
        let row = setting::ActiveModel {
            key: Set(MARK.to_owned()),
            value: Set(json!(hex::encode(self.seal(MARK_PURPOSE, b"")?))),
        };
        setting::Entity::insert(row)
            .exec_without_returning(&db.write)
            .await
            .map_err(internal)?;
        Ok(true)
    }

    /// 24 bytes of nonce, then the ciphertext; `purpose` must be given again to open it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, AppError> {
        let mut nonce = [0_u8; 24];
        rand::rng().fill_bytes(&mut nonce);
        let sealed = self
            .0
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|e| internal(format!("sealing {purpose}: {e}")))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Vault::seal`] was given.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, AppError> {
        let broken = || {
            internal(format!(
                "opening {purpose}: not sealed with this site's key"
            ))
        };
        let (nonce, body) = sealed.split_first_chunk::<24>().ok_or_else(broken)?;
        self.0
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: body,
                    aad: purpose.as_bytes(),
                },
            )
            .map_err(|_| broken())
    }
}
