//! Claiming: the person with the code becomes the owner, and the device gets a secret of this ownership.

use domain::{
    AppError, DeviceId,
    device::{Lifecycle, Presence},
    event::{EventKind, Severity},
    live::LiveEvent,
    role::DeviceRole,
};
use protocol::{Topic, identity::Ownership};
use rand::Rng as _;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, EntityTrait, TransactionTrait, sea_query::OnConflict,
};
use serde_json::{Value, json};

use super::{enrol, search};
use crate::{
    Actor, Services,
    accounts::{Client, actor::DeviceRef},
    apart::commit_then,
    audit, components,
    downlink::{self, SECRET_PURPOSE, SendError},
    events, internal, presence, telemetry,
};

/// Makes the actor the owner of the device with this serial and code; one that is already theirs stays so.
pub async fn claim(
    services: &Services,
    actor: &Actor,
    cpu_serial: &str,
    code: &str,
) -> Result<DeviceId, AppError> {
    let client = Client {
        secure: true,
        address: actor.address.clone(),
        user_agent: None,
    };
    let (named, attempt) = enrol::find(services, cpu_serial, code, &client).await?;
    attempt.succeed();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = named.lock(&transaction).await?;
    let device = DeviceId(row.uuid);
    match Lifecycle::parse(&row.lifecycle) {
        Some(Lifecycle::Unclaimed) => {}
        Some(Lifecycle::Active) if row.owner_id == Some(actor.user.id.0) => return Ok(device),
        Some(Lifecycle::Revoked) => return Err(AppError::Gone),
        _ => return Err(AppError::conflict("already_claimed")),
    }
    let now = services.now().0;
    let (internal_id, ownership) = (row.id, row.ownership + 1);
    let presence = Presence::parse(&row.presence).unwrap_or(Presence::Offline);
    let mut change: entity::device::ActiveModel = row.into();
    change.owner_id = Set(Some(actor.user.id.0));
    change.ownership = Set(ownership);
    change.secret = Set(Some(new_secret(services)?));
    change.lifecycle = Set(Lifecycle::Active.as_str().to_owned());
    change.status_rank = Set(presence::status_rank(Lifecycle::Active, presence));
    change.claimed_ms = Set(Some(now));
    change.code_spent_ms = Set(None);
    change.update(&transaction).await.map_err(internal)?;
    let reference = DeviceRef {
        id: internal_id,
        uuid: device,
    };
    let nothing = telemetry::begin_ownership(services, &transaction, reference, ownership).await?;
    end_leftovers(&transaction, internal_id).await?;
    grant_owner(&transaction, internal_id, actor).await?;
    let target = Some(device.to_string());
    audit::record(services, &transaction, actor, "claim", target, json!({})).await?;
    let (services, user) = (services.clone(), actor.user.clone());
    commit_then(transaction, async move {
        let cached = services.cache.put(vec![(device, nothing)]).await;
        let access = LiveEvent::Access { user: user.id };
        let changes = vec![LiveEvent::Device { device }, access];
        services.bus.publish(changes).await;
        let told = tell_owner(&services, device).await;
        let (kind, severity) = (EventKind::Claimed, Severity::Info);
        let detail = json!({ "by": user.name });
        events::record(&services, internal_id, device, kind, severity, detail).await?;
        cached.and(told)
    })
    .await?;
    Ok(device)
}

/// A new secret of a device, sealed.
pub(crate) fn new_secret(services: &Services) -> Result<Vec<u8>, AppError> {
    let mut secret = [0_u8; 32];
    rand::rng().fill_bytes(&mut secret);
    services.vault.seal(SECRET_PURPOSE, &secret)
}

/// Publishes the retained `owner` message; a device that is not there finds it when it connects.
pub(crate) async fn tell_owner(services: &Services, device: DeviceId) -> Result<(), AppError> {
    let row = entity_of(services, device).await?;
    let Some(owner) = row.owner_id else {
        return Ok(());
    };
    let owner = entity::user::Entity::find_by_id(owner)
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or_else(|| internal("a device whose owner is gone"))?;
    let message = Ownership {
        user_email: owner.email.parse().map_err(internal)?,
        components: components::specs(&services.db.read, row.id).await?,
        report_interval_ms: Some(row.report_interval_ms),
    };
    let Value::Object(body) = serde_json::to_value(message).map_err(internal)? else {
        return Err(internal("an owner message that is no object"));
    };
    match downlink::send(services, &Topic::Owner(device), body, true).await {
        Ok(()) => Ok(()),
        // The device also learns it from its credentials, and the broker tells it at its next start.
        Err(SendError::Link(error)) => {
            tracing::warn!(%device, %error, "the owner message was not published");
            Ok(())
        }
        Err(SendError::Unclaimed) => Ok(()),
        Err(SendError::App(error)) => Err(error),
    }
}

pub(super) async fn entity_of(
    services: &Services,
    device: DeviceId,
) -> Result<entity::device::Model, AppError> {
    use sea_orm::{ColumnTrait, QueryFilter};
    entity::device::Entity::find()
        .filter(entity::device::Column::Uuid.eq(device.0))
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

/// Nobody has a role on a device that is nobody's: a row that says otherwise would let a stranger see what its next owner
/// has. The names that those who see all devices gave it stay.
async fn end_leftovers(
    transaction: &sea_orm::DatabaseTransaction,
    device: i64,
) -> Result<(), AppError> {
    use entity::device_access::{Column, Entity};
    use sea_orm::{ColumnTrait, QueryFilter};
    let leftovers = Entity::find()
        .filter(Column::DeviceId.eq(device))
        .filter(Column::Role.is_not_null())
        .all(transaction)
        .await
        .map_err(internal)?;
    for row in leftovers {
        search::index_nickname(transaction, device, row.user_id, None).await?;
        Entity::delete_by_id((device, row.user_id))
            .exec(transaction)
            .await
            .map_err(internal)?;
    }
    Ok(())
}

async fn grant_owner(
    transaction: &sea_orm::DatabaseTransaction,
    device: i64,
    actor: &Actor,
) -> Result<(), AppError> {
    use entity::device_access::{ActiveModel, Column, Entity};
    let row = ActiveModel {
        device_id: Set(device),
        user_id: Set(actor.user.id.0),
        role: Set(Some(DeviceRole::Owner.as_str().to_owned())),
        nickname: Set(None),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::DeviceId, Column::UserId])
                .update_column(Column::Role)
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map_err(internal)?;
    Ok(())
}
