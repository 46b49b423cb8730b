//! From the server to one device: every message signed with its secret and numbered once.
//!
//! Invariant: a number is stored before the message that carries it leaves, so no two messages to a
//! device share one, whatever happens to this process.

use domain::{AppError, DeviceId, TimestampMs};
use entity::device;
use protocol::{SharedSecret, Topic};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QuerySelect, TransactionTrait,
};
use serde_json::{Map, Value};

use crate::{Services, internal, link::LinkError, vault::Vault};

/// What the vault is told a device's secret is for, when it is sealed and when it is opened.
pub const SECRET_PURPOSE: &str = "device secret";

/// A device's secret out of its row; `None` where nobody owns it.
pub fn secret_of(vault: &Vault, device: &device::Model) -> Result<Option<SharedSecret>, AppError> {
    let Some(sealed) = device.secret.as_deref() else {
        return Ok(None);
    };
    let bytes = vault.open(SECRET_PURPOSE, sealed)?;
    let bytes = <[u8; 32]>::try_from(bytes.as_slice())
        .map_err(|_| internal("a device's secret is not of 32 bytes"))?;
    Ok(Some(SharedSecret::from_bytes(bytes)))
}

/// Takes the next number towards `device` in the caller's transaction: max(last + 1, now in ms), so
/// that a restored backup does not fall behind.
pub async fn next_sequence<C: ConnectionTrait>(
    connection: &C,
    device: &device::Model,
    now: TimestampMs,
) -> Result<u64, AppError> {
    let next = (device.server_sequence + 1).max(now.0);
    let mut row: device::ActiveModel = device.clone().into();
    row.server_sequence = Set(next);
    row.update(connection).await.map_err(internal)?;
    u64::try_from(next).map_err(internal)
}

/// The device's row, locked against other writers until the transaction ends.
pub async fn lock_device<C: ConnectionTrait>(
    connection: &C,
    device: DeviceId,
) -> Result<device::Model, AppError> {
    device::Entity::find()
        .filter(device::Column::Uuid.eq(device.0))
        .lock_exclusive()
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

/// `body` with the envelope's members, signed for `topic`: the bytes to publish.
pub fn seal(
    topic: &Topic,
    mut body: Map<String, Value>,
    sequence: u64,
    now: TimestampMs,
    secret: &SharedSecret,
) -> Vec<u8> {
    body.insert("timestamp".to_owned(), now.0.into());
    body.insert("sequence".to_owned(), sequence.into());
    protocol::seal(&topic.to_string(), body, secret)
}

/// Why a message did not leave.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody owns the device: there is no secret to sign with.
    #[error("the device has no owner")]
    Unclaimed,
    /// The broker did not take it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The database failed, or the device is unknown.
    #[error(transparent)]
    App(#[from] AppError),
}

/// Signs `body` for `topic` and publishes it to the topic's device.
pub async fn send(
    services: &Services,
    topic: &Topic,
    body: Map<String, Value>,
    retain: bool,
) -> Result<(), SendError> {
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let device = lock_device(&transaction, topic.device()).await?;
    let secret = secret_of(&services.vault, &device)?.ok_or(SendError::Unclaimed)?;
    let sequence = next_sequence(&transaction, &device, now).await?;
    transaction.commit().await.map_err(internal)?;
    let payload = seal(topic, body, sequence, now, &secret);
    services.link.publish(topic, payload, retain).await?;
    Ok(())
}
