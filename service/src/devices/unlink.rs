//! Giving a device up: the secret is void, the certificate is not; the device erases and waits.

use domain::{
    AppError, DeviceId, UserId,
    device::{Lifecycle, Presence},
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::device_access::{Column, Entity};
use protocol::Topic;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    TransactionTrait,
};
use serde_json::json;

use super::search;
use crate::{
    OwnerOf, Services, accounts::actor::DeviceRef, apart::commit_then, audit, commands, downlink,
    events, identity, internal, jobs, presence, state_cache::CachedState, telemetry,
};

/// What the retained `reset` says; an empty payload would delete it.
const RESET: &[u8] = b"{}";

/// Gives a device up: voids its secret, removes everybody's access and nicknames, tells it to reset.
pub async fn unlink(services: &Services, owner: &OwnerOf) -> Result<(), AppError> {
    let device = owner.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device.uuid).await?;
    if row.lifecycle != Lifecycle::Active.as_str() {
        return Err(AppError::conflict("not_claimed"));
    }
    let actor = owner.actor();
    match row.owner_id == Some(actor.user.id.0) {
        true => owner.confirm(&transaction).await?,
        // Whom it was shared with may leave; it is not theirs to give up.
        false => owner.confirm_admin(&transaction).await?,
    }
    let (_, ended) = end_ownership(services, &transaction, row).await?;
    let target = Some(device.uuid.to_string());
    audit::record(
        services,
        &transaction,
        owner.actor(),
        "unlink",
        target,
        json!({}),
    )
    .await?;
    let detail = json!({ "by": actor.user.name });
    let services = services.clone();
    commit_then(transaction, async move {
        let told = ended.tell(&services).await;
        let (kind, severity) = (EventKind::Unlinked, Severity::Info);
        events::record(&services, device.id, device.uuid, kind, severity, detail).await?;
        told
    })
    .await
}

/// Whom the end of an ownership is told to, after its commit.
pub(super) struct Ended {
    device: DeviceId,
    nothing: CachedState,
    people: Vec<UserId>,
    jobs: jobs::Freed,
    is_reset: bool,
}

impl Ended {
    /// Tells the people that they have no part in the device any more, who watches a job that waited for it, and the
    /// device to erase what it keeps.
    pub(super) async fn tell(self, services: &Services) -> Result<(), AppError> {
        let device = self.device;
        let cached = services.cache.put(vec![(device, self.nothing)]).await;
        let people = self.people.into_iter();
        let mut changes = vec![LiveEvent::Device { device }];
        changes.extend(people.map(|user| LiveEvent::Access { user }));
        services.bus.publish(changes).await;
        let told = self.jobs.tell(services).await;
        if self.is_reset {
            tell_reset(services, device).await;
        }
        cached.and(told)
    }
}

/// Makes a device whose row is locked nobody's, in the caller's transaction: its secret is void, everybody's access and
/// nicknames are gone, and it waits to be claimed. Gives its row, and what is to be told after the commit.
pub(super) async fn end_ownership(
    services: &Services,
    transaction: &DatabaseTransaction,
    row: entity::device::Model,
) -> Result<(entity::device::Model, Ended), AppError> {
    let device = DeviceRef {
        id: row.id,
        uuid: DeviceId(row.uuid),
    };
    let people = Entity::find()
        .filter(Column::DeviceId.eq(device.id))
        .all(transaction)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|access| UserId(access.user_id))
        .collect();
    let presence = Presence::parse(&row.presence).unwrap_or(Presence::Offline);
    let ownership = row.ownership + 1;
    // One that nobody ever claimed keeps nothing of anybody.
    let is_reset = row.ownership > 0;
    let mut change: entity::device::ActiveModel = row.into();
    change.owner_id = Set(None);
    change.secret = Set(None);
    change.ownership = Set(ownership);
    change.lifecycle = Set(Lifecycle::Unclaimed.as_str().to_owned());
    change.status_rank = Set(presence::status_rank(Lifecycle::Unclaimed, presence));
    change.claimed_ms = Set(None);
    change.reset_pending = Set(is_reset);
    // The label is good again: who holds the device may claim it.
    change.code_spent_ms = Set(None);
    let row = change.update(transaction).await.map_err(internal)?;
    Entity::delete_many()
        .filter(Column::DeviceId.eq(device.id))
        .exec(transaction)
        .await
        .map_err(internal)?;
    let nothing = telemetry::begin_ownership(services, transaction, device, ownership).await?;
    let (now, why) = (services.now(), "ownership_changed");
    let jobs = commands::ownership_ended(transaction, device.id, why, now).await?;
    identity::ownership_ended(transaction, device.uuid, device.id).await?;
    search::index(transaction, &row).await?;
    let ended = Ended {
        device: device.uuid,
        nothing,
        people,
        jobs,
        is_reset,
    };
    Ok((row, ended))
}

/// Publishes the retained `reset` and takes the retained `owner` away.
pub(crate) async fn tell_reset(services: &Services, device: domain::DeviceId) {
    let (owner, reset) = (Topic::Owner(device), Topic::Reset(device));
    if let Err(error) = services.link.publish(&owner, Vec::new(), true).await {
        tracing::warn!(%device, %error, "the owner message was not taken away");
    }
    let told = services.link.publish(&reset, RESET.to_vec(), true).await;
    if let Err(error) = told {
        tracing::warn!(%device, %error, "the reset was not published; it is when the device connects");
    }
}
