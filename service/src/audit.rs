//! The audit trail: who did what to what, and from where.

use domain::AppError;
use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::{Actor, Services};

/// Records one action; `connection` is the transaction of the action itself.
pub async fn record<C: ConnectionTrait>(
    services: &Services,
    connection: &C,
    actor: &Actor,
    action: &str,
    target: Option<String>,
    detail: Value,
) -> Result<(), AppError> {
    use sea_orm::{ActiveModelTrait, ActiveValue::Set, NotSet};
    entity::audit::ActiveModel {
        id: NotSet,
        at_ms: Set(services.now().0),
        user_id: Set(Some(actor.user.id.0)),
        action: Set(action.to_owned()),
        target: Set(target),
        detail: Set(detail),
        address: Set(actor.address.clone()),
    }
    .insert(connection)
    .await
    .map_err(crate::internal)?;
    Ok(())
}
