//! Enrolment codes: 128 random bits on a label; the server keeps their SHA-256 alone.

use domain::AppError;
use protocol::enroll::EnrollmentCode;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Services,
    accounts::{Client, limit},
    internal,
};

pub(super) fn new_code() -> EnrollmentCode {
    let mut bytes = [0_u8; 16];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    EnrollmentCode::from_bytes(bytes)
}

pub(super) fn hash(code: &EnrollmentCode) -> Vec<u8> {
    Sha256::digest(code.as_bytes()).to_vec()
}

/// The device with this serial number and code. Wrong pairs are limited and slowed, and an unknown
/// serial number looks like a wrong code.
pub(super) async fn find(
    services: &Services,
    cpu_serial: &str,
    code: &str,
    client: &Client,
) -> Result<entity::device::Model, AppError> {
    for (field, text) in [("cpu_serial", cpu_serial), ("code", code)] {
        if text.trim().is_empty() {
            return Err(AppError::invalid(field, "required"));
        }
    }
    let serial: String = cpu_serial.trim().chars().take(128).collect();
    let attempt = limit::begin(services, "enrolment", &serial, client.address.as_deref()).await?;
    let row = entity::device::Entity::find()
        .filter(entity::device::Column::CpuSerial.eq(&serial))
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    let given = code.parse::<EnrollmentCode>().map(|code| hash(&code));
    let right = match (&row, &given) {
        (Some(row), Ok(given)) => row
            .code_hash
            .as_ref()
            .is_some_and(|known| bool::from(known.as_slice().ct_eq(given))),
        _ => false,
    };
    match row.filter(|_| right) {
        Some(row) => {
            attempt.succeed();
            Ok(row)
        }
        None => {
            tracing::warn!(target: "security", serial, address = client.address, "wrong enrolment code");
            attempt.fail().await;
            Err(AppError::invalid("code", "enrolment_code"))
        }
    }
}
