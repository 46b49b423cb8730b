//! Credentials: a certificate for the code's first key, and after the claim the secret.
//!
//! The same code with the same key gets the same answer again until the first valid signed report;
//! another key is refused, counts as a wrong try, and is a finding about the device's identity.

use domain::{
    AppError, DeviceId,
    device::Lifecycle,
    event::{EventKind, RefusalReason, Severity},
    identity::FindingKind,
};
use protocol::enroll::{ClaimedCredentials, Credentials, CredentialsRequest};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, TransactionTrait,
};
use serde_json::json;

use super::{CredentialsOutcome, enrol, identify::take_reset_away};
use crate::{
    Admin, Services,
    accounts::{
        Client,
        token::{self, TokenDevice},
    },
    apart::commit_then,
    audit, components, downlink, events, identity, internal,
    pki::{IssueError, issue::SigningRequest},
};

/// Issues a certificate for the code's first key, and after the claim the secret; repeatable with the same key.
pub async fn credentials(
    services: &Services,
    request: CredentialsRequest,
    client: &Client,
) -> Result<CredentialsOutcome, AppError> {
    let (named, attempt) =
        enrol::find(services, &request.cpu_serial, &request.code, client).await?;
    let csr = match SigningRequest::parse(&request.csr) {
        Ok(csr) => csr,
        Err(error) => {
            attempt.succeed();
            return Err(refused(error));
        }
    };
    let key = csr.key_hash();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = named.lock(&transaction).await?;
    let device = DeviceId(row.uuid);
    if row.lifecycle == Lifecycle::Revoked.as_str() {
        attempt.succeed();
        return Err(AppError::Gone);
    }
    let same_key = row.enrolled_key.as_deref().map(|known| known == key);
    if same_key == Some(false) {
        drop(transaction);
        let detail = json!({ "address": client.address, "key": hex::encode(key) });
        let (kind, severity) = (EventKind::EnrollmentConflict, Severity::Alarm);
        events::record_in_a_row(services, (row.id, device), kind, severity, detail).await?;
        tracing::warn!(target: "security", %device, "enrolment with another key");
        identity::suspected(services, device, FindingKind::Clone, identity::KEY).await?;
        attempt.fail().await;
        return Err(AppError::conflict("another_key"));
    }
    attempt.succeed();
    if row.code_spent_ms.is_some() {
        return Err(AppError::conflict("code_spent"));
    }
    let known = match same_key {
        Some(true) => active_certificate(&transaction, row.id, services.now().0).await?,
        _ => None,
    };
    let certificate = match known {
        Some(known) => known.pem,
        None => {
            let issued = services
                .pki
                .issue_client(csr, &device.to_string(), services.now())
                .map_err(refused)?;
            let pem = issued.pem.clone();
            store(services, &transaction, row.id, issued).await?;
            pem
        }
    };
    let ownership = ownership(services, &transaction, &row).await?;
    // Who is given the secret of this ownership has none of a former one: told to erase it, it would erase this one.
    let is_reset = row.reset_pending && ownership.is_some();
    let mut change: entity::device::ActiveModel = row.clone().into();
    change.enrolled_key = Set(Some(key.to_vec()));
    change.reset_pending = Set(row.reset_pending && !is_reset);
    change.update(&transaction).await.map_err(internal)?;
    let detail = json!({ "address": client.address });
    let (own, id) = (services.clone(), row.id);
    commit_then(transaction, async move {
        if is_reset {
            take_reset_away(&own, device).await;
        }
        if same_key.is_some() {
            return Ok(());
        }
        let (kind, severity) = (EventKind::CredentialsIssued, Severity::Info);
        events::record(&own, id, device, kind, severity, detail).await
    })
    .await?;
    let claimed = ownership.is_some();
    let credentials = Credentials {
        device_uuid: device,
        certificate,
        ca: services.pki.ca_pem().to_owned(),
        mqtt_url: services.site.mqtt_url.clone(),
        hardware_variant: row.hardware_variant,
        report_interval_ms: row.report_interval_ms,
        ownership,
    };
    Ok(match claimed {
        true => CredentialsOutcome::Complete(credentials),
        false => CredentialsOutcome::Waiting(credentials),
    })
}

/// Renews a device's certificate by a signing request; the old serial stays valid until the new one
/// connects. `SignedOut` where its token holds no longer, and `Forbidden` where every certificate of the device is
/// revoked: it needs another from an administrator, or a new code. The conflict `identity_in_doubt` as long as people have
/// to decide who the device is: a copy of it has the secret too, and would have a certificate of its own.
pub async fn renew_certificate(
    services: &Services,
    of: TokenDevice,
    csr: &str,
) -> Result<String, AppError> {
    issue_another(services, of.device, Asker::Device(of), csr).await
}

/// Issues a device another certificate, of whichever ownership it is now; for administrators.
pub(crate) async fn issue_certificate(
    services: &Services,
    admin: &Admin,
    device: DeviceId,
    csr: &str,
) -> Result<String, AppError> {
    issue_another(services, device, Asker::Admin(admin), csr).await
}

/// Who asks for another certificate.
#[derive(Debug, Clone, Copy)]
enum Asker<'a> {
    /// The device, by its token.
    Device(TokenDevice),
    /// Somebody for it.
    Admin(&'a Admin),
}

async fn issue_another(
    services: &Services,
    device: DeviceId,
    asker: Asker<'_>,
    csr: &str,
) -> Result<String, AppError> {
    let csr = SigningRequest::parse(csr).map_err(refused)?;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device).await?;
    if row.lifecycle == Lifecycle::Revoked.as_str() {
        return Err(AppError::Gone);
    }
    match asker {
        Asker::Device(of) => {
            token::check(services, &transaction, &row, of).await?;
            // Who has the secret alone is not let back in by it.
            if !has_certificate(&transaction, row.id).await? {
                return Err(AppError::Forbidden);
            }
            if identity::is_in_doubt(&transaction, row.id).await? {
                drop(transaction);
                let asked = format!("api/devices/{device}/certificate");
                let (of, reason) = ((row.id, device), RefusalReason::Quarantined);
                events::refused(services, of, reason, &asked, 1).await;
                return Err(AppError::conflict("identity_in_doubt"));
            }
        }
        Asker::Admin(admin) => {
            let (actor, target) = (admin.actor(), Some(device.to_string()));
            let action = "certificates.issue";
            audit::record(services, &transaction, actor, action, target, json!({})).await?;
        }
    }
    let key = csr.key_hash();
    let issued = services
        .pki
        .issue_client(csr, &device.to_string(), services.now())
        .map_err(refused)?;
    let pem = issued.pem.clone();
    store(services, &transaction, row.id, issued).await?;
    // From now on this is the key that asks for the device's credentials.
    let mut change: entity::device::ActiveModel = row.into();
    change.enrolled_key = Set(Some(key.to_vec()));
    change.update(&transaction).await.map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    Ok(pem)
}

async fn ownership<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: &entity::device::Model,
) -> Result<Option<ClaimedCredentials>, AppError> {
    let (Some(secret), Some(owner)) = (downlink::secret_of(&services.vault, row)?, row.owner_id)
    else {
        return Ok(None);
    };
    let owner = entity::user::Entity::find_by_id(owner)
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or_else(|| internal("a device whose owner is gone"))?;
    Ok(Some(ClaimedCredentials {
        shared_secret: secret.to_base64url(),
        user_email: owner.email.parse().map_err(internal)?,
        components: components::specs(connection, row.id).await?,
    }))
}

/// Whether a device has a certificate that nobody has revoked, whether its time is over or not.
async fn has_certificate<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<bool, AppError> {
    use entity::certificate::{Column, Entity};
    let valid = Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::RevokedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?;
    Ok(valid.is_some())
}

async fn active_certificate<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    now_ms: i64,
) -> Result<Option<entity::certificate::Model>, AppError> {
    use entity::certificate::{Column, Entity};
    Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::RevokedMs.is_null())
        .filter(Column::ExpiresMs.gt(now_ms))
        .order_by_desc(Column::IssuedMs)
        .one(connection)
        .await
        .map_err(internal)
}

async fn store<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    device: i64,
    issued: crate::pki::Issued,
) -> Result<(), AppError> {
    let row = entity::certificate::ActiveModel {
        serial: Set(issued.serial),
        device_id: Set(Some(device)),
        user_id: Set(None),
        label: Set(None),
        pem: Set(issued.pem),
        issued_ms: Set(services.now().0),
        expires_ms: Set(issued.expires_at.0),
        revoked_ms: Set(None),
        installation: Set(None),
        replaced_by: Set(None),
    };
    row.insert(connection).await.map_err(internal)?;
    Ok(())
}

fn refused(error: IssueError) -> AppError {
    match error {
        IssueError::Request(_) => AppError::invalid("csr", "signing_request"),
        IssueError::WeakKey => AppError::invalid("csr", "weak_key"),
        IssueError::Certificate(error) => internal(error),
    }
}
