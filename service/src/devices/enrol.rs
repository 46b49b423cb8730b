//! Enrolment codes: 128 random bits on a label; the server keeps their SHA-256 alone.

use domain::{AppError, DeviceId};
use protocol::enroll::EnrollmentCode;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Services,
    accounts::{
        Client,
        limit::{self, Try},
    },
    downlink, internal,
};

pub(super) fn new_code() -> EnrollmentCode {
    let mut bytes = [0_u8; 16];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    EnrollmentCode::from_bytes(bytes)
}

pub(super) fn hash(code: &EnrollmentCode) -> Vec<u8> {
    Sha256::digest(code.as_bytes()).to_vec()
}

/// A device whose code somebody has named. What they may do with it is decided on its locked row, in a
/// transaction in which the code is the device's still.
#[derive(Debug)]
pub(super) struct Named {
    device: DeviceId,
    code_hash: Vec<u8>,
}

impl Named {
    /// The device, locked until the transaction ends; refused where it has been given another code meanwhile.
    pub(super) async fn lock(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<entity::device::Model, AppError> {
        let row = downlink::lock_device(transaction, self.device).await?;
        match is_code_of(&row, &self.code_hash) {
            true => Ok(row),
            false => Err(AppError::invalid("code", "enrolment_code")),
        }
    }
}

fn is_code_of(row: &entity::device::Model, given: &[u8]) -> bool {
    let known = row.code_hash.as_ref();
    known.is_some_and(|known| bool::from(known.as_slice().ct_eq(given)))
}

/// The device with this serial number and code, and the try, which the caller ends: who knows the code may still be
/// somebody else. Wrong pairs are limited and slowed, and an unknown serial number looks like a wrong code.
pub(super) async fn find<'a>(
    services: &'a Services,
    cpu_serial: &str,
    code: &str,
    client: &Client,
) -> Result<(Named, Try<'a>), AppError> {
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
    match (row, given) {
        (Some(row), Ok(given)) if is_code_of(&row, &given) => {
            let named = Named {
                device: DeviceId(row.uuid),
                code_hash: given,
            };
            Ok((named, attempt))
        }
        _ => {
            tracing::warn!(target: "security", serial, address = client.address, "wrong enrolment code");
            attempt.fail().await;
            Err(AppError::invalid("code", "enrolment_code"))
        }
    }
}
