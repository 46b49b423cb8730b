//! What the site does by itself about each kind of finding: kept as one setting, changed by administrators.

use domain::{
    AppError,
    identity::{FindingKind, Policies, Reaction},
};
use entity::setting;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, EntityTrait, TransactionTrait, sea_query::OnConflict,
};
use serde_json::json;

use crate::{Admin, Services, audit, internal};

/// The setting that holds them.
const SETTING: &str = "identity_policies";

/// What is done about each kind.
pub async fn policies(services: &Services, _admin: &Admin) -> Result<Policies, AppError> {
    stored(&services.db.read).await
}

/// Sets what is done about one kind from now on; gives what was done before, so that it can be undone.
pub async fn set_policy(
    services: &Services,
    admin: &Admin,
    kind: FindingKind,
    reaction: Reaction,
) -> Result<Reaction, AppError> {
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let known = stored(&transaction).await?;
    let before = known.of(kind);
    let wanted = known
        .with(kind, reaction)
        .ok_or_else(|| AppError::invalid("reaction", "invalid"))?;
    let row = setting::ActiveModel {
        key: Set(SETTING.to_owned()),
        value: Set(serde_json::to_value(wanted).map_err(internal)?),
    };
    let replace = OnConflict::column(setting::Column::Key)
        .update_column(setting::Column::Value)
        .to_owned();
    setting::Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(&transaction)
        .await
        .map_err(internal)?;
    let detail = json!({ "before": before.as_str(), "after": reaction.as_str() });
    let target = Some(kind.as_str().to_owned());
    let actor = admin.actor();
    audit::record(
        services,
        &transaction,
        actor,
        "identity_policy",
        target,
        detail,
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    Ok(before)
}

pub(super) async fn stored<C: ConnectionTrait>(connection: &C) -> Result<Policies, AppError> {
    let row = setting::Entity::find_by_id(SETTING.to_owned())
        .one(connection)
        .await
        .map_err(internal)?;
    match row {
        Some(row) => serde_json::from_value(row.value).map_err(internal),
        None => Ok(Policies::default()),
    }
}
