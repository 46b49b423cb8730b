//! A new label for a revoked device: it is the same device to the site, and whoever enrols with the label is it.
//!
//! Invariant: what was let in before the revocation stays out. Its certificates are void, the key that enrolled and the
//! old code are forgotten, and no decision about its identity can be undone that would let them in again.

use domain::{
    AppError, DeviceId,
    event::{EventKind, Severity},
};
use sea_orm::DatabaseTransaction;
use serde_json::json;

use super::{Preregistered, preregister, revoke, unlink};
use crate::{Admin, Services, apart::commit_then, audit, events, identity};

/// Makes a revoked device, whose row is locked, wait to be claimed again, under its UUID and with another code; commits.
pub(super) async fn relabel(
    services: &Services,
    admin: &Admin,
    transaction: DatabaseTransaction,
    row: entity::device::Model,
) -> Result<Preregistered, AppError> {
    let (id, device) = (row.id, DeviceId(row.uuid));
    // A decision that was undone since may have brought one back.
    revoke::certificates(services, &transaction, id).await?;
    let (row, ended) = unlink::end_ownership(services, &transaction, row).await?;
    identity::begin_anew(&transaction, id).await?;
    let made = preregister::new_code(services, &transaction, row).await?;
    let (actor, target) = (admin.actor(), Some(device.to_string()));
    let detail = json!({ "revoked": true });
    audit::record(services, &transaction, actor, "renew_code", target, detail).await?;
    let detail = json!({ "cpu_serial": made.link.serial, "by": actor.user.name });
    let services = services.clone();
    commit_then(transaction, async move {
        let told = ended.tell(&services).await;
        let (kind, severity) = (EventKind::Preregistered, Severity::Info);
        events::record(&services, id, device, kind, severity, detail).await?;
        told
    })
    .await?;
    Ok(made)
}
