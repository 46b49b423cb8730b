//! Deciding about a finding, and taking the decision back.

use domain::{
    AppError, DeviceId, TimestampMs,
    event::{EventKind, Severity},
    identity::{Act, Finding, FindingState},
    live::LiveEvent,
};
use entity::{certificate, device, identity_finding, identity_known};
use protocol::{Topic, identity::DisableMessage};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, SqlErr, TransactionTrait,
    sea_query::{Expr, LockType},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    finding,
    hear::{keep, record_of},
    quarantine::{self, UNDO_MS},
};
use crate::{
    Actor, Admin, Services,
    apart::commit_then,
    audit,
    devices::{self, Preregistered},
    downlink, events, internal,
};

/// What an act may change, as it was before.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    cpu_serial: String,
    storage_id: Option<String>,
    macs: Value,
    held: Option<i64>,
    blocked_ms: Option<i64>,
    code_hash: Option<String>,
    code_spent_ms: Option<i64>,
    enrolled_key: Option<String>,
    revoked: Vec<String>,
    /// The secret that is void, sealed, and the ownership that it is of.
    #[serde(default)]
    secret: Option<(i64, String)>,
}

/// Decides about a finding that is open.
pub async fn resolve(
    services: &Services,
    admin: &Admin,
    finding: i64,
    act: Act,
) -> Result<(), AppError> {
    perform(services, Some(admin.actor()), finding, act).await
}

/// As [`resolve`], by a policy where `by` is nobody.
pub(super) async fn perform(
    services: &Services,
    by: Option<&Actor>,
    id: i64,
    act: Act,
) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let (row, device) = locked(&transaction, id).await?;
    let finding = finding::one(services, &transaction, row.clone()).await?;
    if finding.state != FindingState::Open {
        return Err(AppError::conflict("finding_resolved"));
    }
    if !finding.acts().contains(&act) {
        return Err(AppError::conflict("act_does_not_apply"));
    }
    let now = after(&transaction, device.id, services.now()).await?;
    let before = before(&transaction, &device, act).await?;
    apply(services, &transaction, &device, &finding, act, now).await?;
    let mut change: identity_finding::ActiveModel = row.into();
    change.state = Set(FindingState::Resolved.as_str().to_owned());
    change.act = Set(Some(act.as_str().to_owned()));
    change.resolved_by = Set(by.map(|actor| actor.user.id.0));
    change.resolved_ms = Set(Some(now.0));
    change.before = Set(Some(serde_json::to_value(before).map_err(internal)?));
    change.update(&transaction).await.map_err(internal)?;
    if let Some(actor) = by {
        let detail = json!({ "finding": id, "act": act.as_str() });
        let target = Some(finding.device.to_string());
        audit::record(
            services,
            &transaction,
            actor,
            "identity_resolve",
            target,
            detail,
        )
        .await?;
    }
    let name = by.map(|actor| actor.user.name.as_str());
    let detail = json!({ "finding": id, "act": act.as_str(), "by": name });
    let (services, is_policy) = (services.clone(), by.is_none());
    commit_then(transaction, async move {
        let told = decided(&services, &device, detail).await;
        let uuid = finding.device;
        match act {
            Act::Block | Act::Reprovision if is_policy => {
                // The session that is to end waits for the answer to its identity.
                tokio::spawn(async move { shut_out(&services, uuid, act).await });
            }
            Act::Block | Act::Reprovision => shut_out(&services, uuid, act).await,
            Act::Disable => send_disable(&services, uuid, &finding.said.cpu_serial).await,
            Act::Accept | Act::Release | Act::Discard => {}
        }
        told
    })
    .await
}

async fn apply(
    services: &Services,
    transaction: &DatabaseTransaction,
    device: &device::Model,
    finding: &Finding,
    act: Act,
    now: TimestampMs,
) -> Result<(), AppError> {
    let mut record = record_of(transaction, device.id).await?;
    let lets_through = record.held_finding_id == Some(finding.id);
    match act {
        Act::Accept => {
            remap(transaction, device, &finding.said.cpu_serial).await?;
            record.storage_id.clone_from(&finding.said.storage_id);
            record.macs = json!(finding.said.macs);
            record.held_finding_id = record.held_finding_id.filter(|_| !lets_through);
            keep(transaction, record).await?;
            quarantine::release(transaction, device.id, finding.id, now).await
        }
        Act::Release => {
            record.held_finding_id = record.held_finding_id.filter(|_| !lets_through);
            keep(transaction, record).await?;
            quarantine::release(transaction, device.id, finding.id, now).await
        }
        Act::Discard | Act::Disable => {
            quarantine::discard(transaction, device.id, finding.id, now).await
        }
        Act::Block => {
            record.blocked_ms = Some(now.0);
            keep(transaction, record).await
        }
        Act::Reprovision => {
            devices::revoke_certificates(services, transaction, device.id).await?;
            let mut change: device::ActiveModel = device.clone().into();
            change.code_hash = Set(None);
            change.enrolled_key = Set(None);
            if device.secret.is_some() {
                // Whoever has a copy has the old one, and would ask by it for another certificate.
                change.secret = Set(Some(devices::new_secret(services)?));
            }
            change
                .update(transaction)
                .await
                .map(|_| ())
                .map_err(internal)
        }
    }
}

/// Makes a new enrolment code for a device that must enrol again; the one before is void.
pub async fn new_code(
    services: &Services,
    admin: &Admin,
    id: i64,
) -> Result<Preregistered, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let (row, device) = locked(&transaction, id).await?;
    if row.act.as_deref() != Some(Act::Reprovision.as_str()) {
        return Err(AppError::conflict("act_does_not_apply"));
    }
    let made = devices::new_code(services, &transaction, device).await?;
    let detail = json!({ "finding": id });
    let target = Some(made.id.to_string());
    let actor = admin.actor();
    audit::record(
        services,
        &transaction,
        actor,
        "identity_new_code",
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    Ok(made)
}

/// Takes the decision about a finding back: what it changed is as it was, and the finding is open.
pub async fn undo(services: &Services, admin: &Admin, id: i64) -> Result<(), AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let (row, device) = locked(&transaction, id).await?;
    // Retention goes no further meanwhile.
    let stays = Some(LockType::Share);
    let decision = decision(services, &transaction, &row, &device, stays).await?;
    let (act, uuid) = (decision.act, DeviceId(device.uuid));
    put_back(&transaction, device.clone(), &decision.before, act).await?;
    quarantine::restore(&transaction, device.id, id, decision.at).await?;
    let mut change: identity_finding::ActiveModel = row.into();
    change.state = Set(FindingState::Open.as_str().to_owned());
    change.act = Set(None);
    change.resolved_by = Set(None);
    change.resolved_ms = Set(None);
    change.before = Set(None);
    change.update(&transaction).await.map_err(internal)?;
    let actor = admin.actor();
    let target = Some(uuid.to_string());
    let detail = json!({ "finding": id, "act": act.as_str() });
    audit::record(
        services,
        &transaction,
        actor,
        "identity_undo",
        target,
        detail,
    )
    .await?;
    let detail =
        json!({ "finding": id, "act": act.as_str(), "by": actor.user.name, "undone": true });
    let services = services.clone();
    commit_then(transaction, async move {
        let told = decided(&services, &device, detail).await;
        match act {
            // It was let through: it is judged anew when it comes back.
            Act::Accept | Act::Release => disconnect(&services, uuid).await,
            Act::Reprovision => tell_owner(&services, uuid).await,
            Act::Discard | Act::Block | Act::Disable => {}
        }
        told
    })
    .await
}

/// What was decided about a finding, and how it was before.
#[derive(Debug)]
pub(super) struct Decision {
    act: Act,
    at: TimestampMs,
    before: Before,
}

/// The decision about a finding, where it can be taken back; else the conflict that says why not. Whether taking it back is
/// offered, and whether it is refused, is found out here. With a lock what is found out stays so while the caller's
/// transaction runs, which has locked the device.
pub(super) async fn decision<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    row: &identity_finding::Model,
    device: &device::Model,
    lock: Option<LockType>,
) -> Result<Decision, AppError> {
    use identity_finding::{Column, Entity};
    let act = row.act.as_deref().and_then(Act::parse);
    let (Some(at), Some(act)) = (row.resolved_ms, act) else {
        return Err(AppError::conflict("finding_open"));
    };
    let is_in_time = services.now().0 - at < UNDO_MS;
    let Some(before) = row.before.clone().filter(|_| is_in_time) else {
        return Err(AppError::conflict("undo_too_late"));
    };
    let later = Entity::find()
        .filter(Column::DeviceId.eq(device.id))
        .filter(Column::ResolvedMs.gt(at))
        .count(connection)
        .await
        .map_err(internal)?;
    let at = TimestampMs(at);
    // Nothing else has entered the history.
    let released = matches!(act, Act::Accept | Act::Release);
    if later > 0 || (released && quarantine::is_over(connection, row.id, at, lock).await?) {
        return Err(AppError::conflict("undo_too_late"));
    }
    let before: Before = serde_json::from_value(before).map_err(internal)?;
    if act == Act::Reprovision && device.enrolled_key.is_some() {
        // Somebody has enrolled with the new code: the old key must not come back beside it.
        return Err(AppError::conflict("enrolled_since"));
    }
    if act == Act::Accept && has_another(connection, device.id, &before.cpu_serial).await? {
        return Err(AppError::conflict("serial_known"));
    }
    Ok(Decision { act, at, before })
}

/// Whether a device other than this one has the serial number.
async fn has_another<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    serial: &str,
) -> Result<bool, AppError> {
    let others = device::Entity::find()
        .filter(device::Column::CpuSerial.eq(serial))
        .filter(device::Column::Id.ne(device))
        .count(connection)
        .await
        .map_err(internal)?;
    Ok(others > 0)
}

async fn put_back(
    transaction: &DatabaseTransaction,
    device: device::Model,
    before: &Before,
    act: Act,
) -> Result<(), AppError> {
    let mut record = record_of(transaction, device.id).await?;
    record.storage_id.clone_from(&before.storage_id);
    record.macs = before.macs.clone();
    record.held_finding_id = before.held;
    record.blocked_ms = before.blocked_ms;
    keep(transaction, record).await?;
    if act == Act::Accept {
        remap(transaction, &device, &before.cpu_serial).await?;
    }
    if act == Act::Reprovision {
        // What belongs to an ownership that has ended since does not come back.
        let still = |(of, _): &&(i64, String)| device.secret.is_some() && *of == device.ownership;
        let secret = before.secret.as_ref().filter(still);
        let mut change: device::ActiveModel = device.into();
        if let Some((_, sealed)) = secret {
            change.secret = Set(bytes(Some(sealed.as_str()))?);
        }
        change.code_hash = Set(bytes(before.code_hash.as_deref())?);
        change.enrolled_key = Set(bytes(before.enrolled_key.as_deref())?);
        change.code_spent_ms = Set(before.code_spent_ms);
        change.update(transaction).await.map_err(internal)?;
        certificate::Entity::update_many()
            .col_expr(
                certificate::Column::RevokedMs,
                Expr::value(Option::<i64>::None),
            )
            .filter(certificate::Column::Serial.is_in(before.revoked.iter().cloned()))
            .exec(transaction)
            .await
            .map_err(internal)?;
    }
    Ok(())
}

/// A device that was revoked waits to be claimed again, in the caller's transaction: nothing is known of who it is, so
/// that who enrols with its new code is learnt, and what was decided about who it was can no longer be undone.
pub(crate) async fn begin_anew<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<(), AppError> {
    let record = identity_known::Model {
        storage_id: None,
        macs: json!([]),
        held_finding_id: None,
        blocked_ms: None,
        ..record_of(connection, device).await?
    };
    keep(connection, record).await?;
    identity_finding::Entity::update_many()
        .col_expr(
            identity_finding::Column::Before,
            Expr::value(Option::<Value>::None),
        )
        .filter(identity_finding::Column::DeviceId.eq(device))
        .exec(connection)
        .await
        .map(|_| ())
        .map_err(internal)
}

/// Gives the device another board's serial number.
async fn remap(
    transaction: &DatabaseTransaction,
    device: &device::Model,
    serial: &str,
) -> Result<(), AppError> {
    let mut change: device::ActiveModel = device.clone().into();
    change.cpu_serial = Set(serial.to_owned());
    let row = change
        .update(transaction)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => AppError::conflict("serial_known"),
            _ => internal(error),
        })?;
    devices::index(transaction, &row).await
}

async fn before(
    transaction: &DatabaseTransaction,
    device: &device::Model,
    act: Act,
) -> Result<Before, AppError> {
    use certificate::{Column, Entity};
    let record = record_of(transaction, device.id).await?;
    let revoked = match act {
        Act::Reprovision => Entity::find()
            .filter(Column::DeviceId.eq(device.id))
            .filter(Column::RevokedMs.is_null())
            .all(transaction)
            .await
            .map_err(internal)?,
        _ => Vec::new(),
    };
    let secret = device.secret.as_deref().filter(|_| act == Act::Reprovision);
    Ok(Before {
        cpu_serial: device.cpu_serial.clone(),
        storage_id: record.storage_id,
        macs: record.macs,
        held: record.held_finding_id,
        blocked_ms: record.blocked_ms,
        code_hash: device.code_hash.as_deref().map(hex::encode),
        code_spent_ms: device.code_spent_ms,
        enrolled_key: device.enrolled_key.as_deref().map(hex::encode),
        revoked: revoked.into_iter().map(|row| row.serial).collect(),
        secret: secret.map(|sealed| (device.ownership, hex::encode(sealed))),
    })
}

fn bytes(text: Option<&str>) -> Result<Option<Vec<u8>>, AppError> {
    text.map(hex::decode).transpose().map_err(internal)
}

/// The finding and its device, locked against other decisions.
async fn locked(
    transaction: &DatabaseTransaction,
    id: i64,
) -> Result<(identity_finding::Model, device::Model), AppError> {
    let found = finding::row(transaction, id).await?;
    let device = device::Entity::find_by_id(found.device_id)
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    // Read again: what it was before the lock may have been decided meanwhile.
    Ok((finding::row(transaction, id).await?, device))
}

/// Now, or a moment after the last decision about this device: decisions have an order.
async fn after(
    transaction: &DatabaseTransaction,
    device: i64,
    now: TimestampMs,
) -> Result<TimestampMs, AppError> {
    use identity_finding::{Column, Entity};
    let last: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::ResolvedMs.max(), "last")
        .filter(Column::DeviceId.eq(device))
        .into_tuple()
        .one(transaction)
        .await
        .map_err(internal)?;
    Ok(TimestampMs(
        now.0.max(last.flatten().map_or(0, |last| last + 1)),
    ))
}

async fn decided(
    services: &Services,
    device: &device::Model,
    detail: Value,
) -> Result<(), AppError> {
    let uuid = DeviceId(device.uuid);
    let changes = vec![
        LiveEvent::Device { device: uuid },
        LiveEvent::History { device: uuid },
    ];
    services.bus.publish(changes).await;
    let (kind, severity) = (EventKind::IdentityResolved, Severity::Info);
    events::record(services, device.id, uuid, kind, severity, detail).await
}

/// Ends the session of a device that is not let in any more. What is retained for it is signed with its new secret,
/// where it was given one.
async fn shut_out(services: &Services, device: DeviceId, act: Act) {
    disconnect(services, device).await;
    if act == Act::Reprovision {
        tell_owner(services, device).await;
    }
}

async fn tell_owner(services: &Services, device: DeviceId) {
    if let Err(error) = devices::tell_owner(services, device).await {
        tracing::warn!(%device, %error, "the owner message of a device was not signed anew");
    }
}

async fn disconnect(services: &Services, device: DeviceId) {
    if let Err(error) = services.link.disconnect(&device.to_string()).await {
        tracing::error!(%device, %error, "the session of a doubtful device was not ended");
    }
}

/// Tells the device with this serial number to switch itself off. Where it does not hear it now, it is told
/// when it says again who it is.
pub(super) async fn send_disable(services: &Services, device: DeviceId, cpu_serial: &str) {
    let message = DisableMessage {
        cpu_serial: cpu_serial.to_owned(),
    };
    let Ok(Value::Object(body)) = serde_json::to_value(message) else {
        return;
    };
    if let Err(error) = downlink::send(services, &Topic::Disable(device), body, false).await {
        tracing::warn!(%device, %error, "a copy was not told to switch itself off");
    }
}
