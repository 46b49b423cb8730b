//! Names: the site's own for a device, and each person's nickname.

use domain::{AppError, device::Lifecycle, live::LiveEvent};
use entity::device_access::{ActiveModel, Entity};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, TransactionTrait,
};
use serde_json::json;

use super::{pace, search};
use crate::{
    OwnerOf, Services, ViewerOf, accounts::actor::Standing, apart::commit_then, audit,
    catalog::hardware, components, downlink, internal, names,
};

const MAX_CHARS: usize = 80;

/// A name of 1 to 80 characters.
pub(super) fn check(name: &str) -> Result<String, AppError> {
    names::checked("name", name, MAX_CHARS)
}

/// Sets or (empty) clears the actor's own name for a device; `NotFound` where they may not see it any more.
pub async fn set_nickname(
    services: &Services,
    viewer: &ViewerOf,
    nickname: &str,
) -> Result<(), AppError> {
    let nickname = match nickname.trim() {
        "" => None,
        name => Some(check(name)?),
    };
    let device = viewer.device();
    let user = viewer.actor().user.id;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    downlink::lock_device(&transaction, device.uuid).await?;
    let access = Entity::find_by_id((device.id, user.0))
        .one(&transaction)
        .await
        .map_err(internal)?;
    let now = Standing::of(&transaction, viewer.actor(), device).await?;
    let sees_all = now.site.sees_all_devices();
    match access {
        Some(row) if row.role.is_some() || sees_all => {
            let mut change: ActiveModel = row.into();
            change.nickname = Set(nickname.clone());
            change.update(&transaction).await.map_err(internal)?;
        }
        None if sees_all => {
            let row = ActiveModel {
                device_id: Set(device.id),
                user_id: Set(user.0),
                role: Set(None),
                nickname: Set(nickname.clone()),
            };
            Entity::insert(row)
                .exec_without_returning(&transaction)
                .await
                .map_err(internal)?;
        }
        // Their access was taken away meanwhile, and a name does not bring it back.
        _ => return Err(AppError::NotFound),
    }
    search::index_nickname(&transaction, device.id, user.0, nickname.as_deref()).await?;
    let services = services.clone();
    commit_then(transaction, async move {
        services.bus.publish(vec![LiveEvent::Access { user }]).await;
        Ok(())
    })
    .await
}

/// Changes the site's name for a device, which everybody without a nickname sees.
pub async fn rename(services: &Services, owner: &OwnerOf, name: &str) -> Result<(), AppError> {
    let amendment = Amendment {
        name: Some(name.to_owned()),
        ..Amendment::default()
    };
    amend(services, owner, amendment).await
}

/// What is to be said of a device from now on; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct Amendment {
    /// The site's name for it.
    pub name: Option<String>,
    /// `4B`, `5`, `pc`, …; administrators only.
    pub hardware_version: Option<String>,
    /// `Standard`, `Pro`, …; administrators only.
    pub hardware_variant: Option<String>,
    /// How often it is to report, in milliseconds: within [`domain::device::REPORT_INTERVAL_MS`]. The device is told,
    /// and its deadline follows at once.
    pub report_interval_ms: Option<i64>,
}

/// Changes what the site says of a device, all of it or nothing. A variant can be changed until the device is claimed,
/// else it is the conflict `variant_claimed`. The conflict `not_for_this_hardware` names the
/// components that the other hardware's pin rules do not allow where they are.
pub async fn amend(
    services: &Services,
    owner: &OwnerOf,
    amendment: Amendment,
) -> Result<(), AppError> {
    let name = amendment.name.as_deref().map(check).transpose()?;
    let interval = amendment.report_interval_ms.map(pace::check).transpose()?;
    let is_other_hardware =
        amendment.hardware_version.is_some() || amendment.hardware_variant.is_some();
    if is_other_hardware {
        owner.actor().require_admin()?;
    }
    let (device, actor) = (owner.device(), owner.actor());
    let target = || Some(device.uuid.to_string());
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = downlink::lock_device(&transaction, device.uuid).await?;
    match is_other_hardware {
        true => owner.confirm_admin(&transaction).await?,
        false => owner.confirm(&transaction).await?,
    }
    let row = match name {
        None => row,
        Some(name) => {
            let detail = json!({ "from": row.name, "to": name });
            let mut change: entity::device::ActiveModel = row.into();
            change.name_key = Set(search::sort_key(&name));
            change.name = Set(name);
            let row = change.update(&transaction).await.map_err(internal)?;
            search::index(&transaction, &row).await?;
            audit::record(services, &transaction, actor, "rename", target(), detail).await?;
            row
        }
    };
    let (row, paced) = match interval {
        None => (row, None),
        Some(to) => pace::set(services, &transaction, owner, row, to).await?,
    };
    if is_other_hardware {
        let detail = equip(&transaction, row, amendment).await?;
        let action = "set_hardware";
        audit::record(services, &transaction, actor, action, target(), detail).await?;
    }
    let (services, by) = (services.clone(), actor.user.name.clone());
    commit_then(transaction, async move {
        let changed = LiveEvent::Device {
            device: device.uuid,
        };
        services.bus.publish(vec![changed]).await;
        match paced {
            None => Ok(()),
            Some(paced) => pace::follow(&services, &by, paced).await,
        }
    })
    .await
}

/// Puts other hardware on record for a device whose row is locked; gives what was and what is.
async fn equip(
    transaction: &DatabaseTransaction,
    row: entity::device::Model,
    amendment: Amendment,
) -> Result<serde_json::Value, AppError> {
    let said = |text: Option<String>, known: &str| {
        text.map_or_else(|| known.to_owned(), |text| text.trim().to_owned())
    };
    let version = said(amendment.hardware_version, &row.hardware_version);
    let variant = said(amendment.hardware_variant, &row.hardware_variant);
    hardware::check(transaction, &version, &variant).await?;
    if variant != row.hardware_variant && row.lifecycle == Lifecycle::Active.as_str() {
        // It says its variant with every report, and learns another one with its credentials alone.
        return Err(AppError::conflict("variant_claimed"));
    }
    let before = format!("{} {}", row.hardware_version, row.hardware_variant);
    let mut change: entity::device::ActiveModel = row.into();
    change.hardware_version = Set(version);
    change.hardware_variant = Set(variant);
    let row = change.update(transaction).await.map_err(internal)?;
    let attached = components::attached(transaction, row.id).await?;
    let allowed = components::allowed(transaction, &row, &attached).await?;
    let misfits: Vec<&str> = attached
        .iter()
        .filter(|component| !allowed.contains(&component.id))
        .map(|component| component.key.as_str())
        .collect();
    if !misfits.is_empty() {
        return Err(AppError::conflict_with(
            "not_for_this_hardware",
            misfits.join(", "),
        ));
    }
    let after = format!("{} {}", row.hardware_version, row.hardware_variant);
    Ok(json!({ "from": before, "to": after }))
}
