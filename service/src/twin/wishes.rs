//! The rows of what is desired: set by a command, followed through its tries, taken back with it.

use domain::{AppError, CommandId, command::CommandState, twin::Desired};
use entity::{command, component, component_type, desired, device, user};
use protocol::STATE_DESIRED;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, sea_query::Expr,
};
use serde_json::Value;
use uuid::Uuid;

use super::{reconcile::MOST_ATTEMPTS, time};
use crate::internal;

/// How long the first further try waits after a command that did not fulfil the wish, in milliseconds.
const FIRST_WAIT_MS: i64 = 10_000;

/// A wish on its way into its row.
pub(super) struct Wish<'a> {
    pub(super) device: i64,
    pub(super) component: &'a str,
    pub(super) wanted: Value,
    pub(super) ownership: i64,
    pub(super) by: Option<Uuid>,
    pub(super) at_ms: i64,
    pub(super) command: Option<Uuid>,
}

/// Sets what is desired; what was desired before is kept for when this is taken back.
pub(super) async fn put<C: ConnectionTrait>(
    connection: &C,
    wish: Wish<'_>,
) -> Result<(), AppError> {
    let key = (wish.device, wish.component.to_owned());
    let before = desired::Entity::find_by_id(key)
        .one(connection)
        .await
        .map_err(internal)?;
    let previous = before
        .as_ref()
        .filter(|row| row.ownership == wish.ownership)
        .map(|row| row.wanted.clone());
    let by_set = before.as_ref().is_some_and(|row| row.by_set);
    let row = desired::ActiveModel {
        device_id: Set(wish.device),
        component_key: Set(wish.component.to_owned()),
        wanted: Set(wish.wanted),
        previous: Set(previous),
        ownership: Set(wish.ownership),
        set_by: Set(wish.by),
        set_ms: Set(wish.at_ms),
        command_id: Set(wish.command),
        attempts: Set(0),
        next_ms: Set(wish.at_ms),
        differs: Set(true),
        by_set: Set(by_set),
    };
    match before {
        Some(_) => row.update(connection).await,
        None => row.insert(connection).await,
    }
    .map_err(internal)?;
    Ok(())
}

/// A `set` on an actuator that is not transient is a wish too; whether it was one.
pub(crate) async fn wish<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<bool, AppError> {
    let (Some(key), false, "set") = (&row.component_key, row.transient, row.name.as_str()) else {
        return Ok(false);
    };
    let attached = component::Entity::find()
        .filter(component::Column::DeviceId.eq(row.device_id))
        .filter(component::Column::Key.eq(key))
        .filter(component::Column::DetachedMs.is_null())
        .one(connection)
        .await
        .map_err(internal)?;
    let Some(attached) = attached else {
        return Ok(false);
    };
    let kind = component_type::Entity::find_by_id(attached.component_type)
        .one(connection)
        .await
        .map_err(internal)?;
    let actuator = domain::component::ComponentCategory::Actuator.as_str();
    let empty = row
        .arguments
        .as_object()
        .is_none_or(serde_json::Map::is_empty);
    if empty || kind.is_none_or(|kind| kind.category != actuator) {
        return Ok(false);
    }
    let wish = Wish {
        device: row.device_id,
        component: key,
        wanted: row.arguments.clone(),
        ownership: row.ownership,
        by: row.created_by,
        at_ms: row.queued_ms,
        command: Some(row.id),
    };
    put(connection, wish).await?;
    Ok(true)
}

/// The next try of a command takes its place.
pub(crate) async fn followed<C: ConnectionTrait>(
    connection: &C,
    before: Uuid,
    after: Uuid,
) -> Result<(), AppError> {
    desired::Entity::update_many()
        .col_expr(desired::Column::CommandId, Expr::value(after))
        .filter(desired::Column::CommandId.eq(before))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

/// What the end of a command means for what it was to bring about; whether anything changed.
///
/// A `set` that was taken back, or that the device refused, takes its wish back with it. One that ran out or
/// failed leaves the wish: the device is brought to it later.
pub(crate) async fn command_ended<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<bool, AppError> {
    let Some(state) = CommandState::parse(&row.state).filter(|state| state.is_final()) else {
        return Ok(false);
    };
    let wishes = desired::Entity::find()
        .filter(desired::Column::DeviceId.eq(row.device_id))
        .filter(desired::Column::CommandId.eq(row.id))
        .all(connection)
        .await
        .map_err(internal)?;
    let changed = !wishes.is_empty();
    let reason = row.reason.as_deref().unwrap_or_default();
    let ended_ms = row.finished_ms.unwrap_or(row.queued_ms);
    for wish in wishes {
        let by_server = row.name == STATE_DESIRED || wish.attempts > 0;
        let refused = state == CommandState::Rejected && reason != "expired";
        match state {
            CommandState::Cancelled if !by_server => take_back(connection, wish).await?,
            CommandState::Rejected if refused && !by_server => take_back(connection, wish).await?,
            CommandState::Rejected if refused && reason == "unknown_command" && !wish.by_set => {
                let mut change = wish.into_active_model();
                change.by_set = Set(true);
                change.attempts = Set(0);
                change.next_ms = Set(ended_ms);
                change.update(connection).await.map_err(internal)?;
            }
            CommandState::Rejected if refused => {
                let mut change = wish.into_active_model();
                change.attempts = Set(MOST_ATTEMPTS);
                change.update(connection).await.map_err(internal)?;
            }
            CommandState::Completed => {
                let mut change = wish.into_active_model();
                change.next_ms = Set(ended_ms);
                change.update(connection).await.map_err(internal)?;
            }
            _ => {
                let wait = FIRST_WAIT_MS << wish.attempts.clamp(0, 6);
                let mut change = wish.into_active_model();
                change.next_ms = Set(ended_ms + wait);
                change.update(connection).await.map_err(internal)?;
            }
        }
    }
    Ok(changed)
}

async fn take_back<C: ConnectionTrait>(
    connection: &C,
    wish: desired::Model,
) -> Result<(), AppError> {
    let Some(previous) = wish.previous.clone() else {
        desired::Entity::delete_by_id((wish.device_id, wish.component_key))
            .exec(connection)
            .await
            .map_err(internal)?;
        return Ok(());
    };
    let mut change = wish.into_active_model();
    change.wanted = Set(previous);
    change.previous = Set(None);
    change.command_id = Set(None);
    change.update(connection).await.map_err(internal)?;
    Ok(())
}

/// What is desired of a device under its present ownership.
pub(crate) async fn of_device<C: ConnectionTrait>(
    connection: &C,
    device: i64,
) -> Result<Vec<Desired>, AppError> {
    let rows: Vec<(desired::Model, Option<user::Model>)> = {
        let rows = desired::Entity::find()
            .filter(desired::Column::DeviceId.eq(device))
            .filter(desired::Column::Ownership.in_subquery(ownership_of(device)))
            .order_by_asc(desired::Column::ComponentKey)
            .all(connection)
            .await
            .map_err(internal)?;
        let people = user::Entity::find()
            .filter(user::Column::Id.is_in(rows.iter().filter_map(|row| row.set_by)))
            .all(connection)
            .await
            .map_err(internal)?;
        rows.into_iter()
            .map(|row| {
                let by = people.iter().find(|user| Some(user.id) == row.set_by);
                (row, by.cloned())
            })
            .collect()
    };
    rows.into_iter()
        .map(|(row, by)| {
            Ok(Desired {
                component: row.component_key.parse().map_err(internal)?,
                wanted: row.wanted.as_object().cloned().unwrap_or_default(),
                differs: row.differs,
                set_at: time(row.set_ms),
                set_by: by.map(|user| user.name).unwrap_or_default(),
                command: row.command_id.map(CommandId),
                attempts: u32::try_from(row.attempts).unwrap_or(0),
                given_up: row.differs && row.attempts >= MOST_ATTEMPTS,
            })
        })
        .collect()
}

fn ownership_of(device: i64) -> sea_orm::sea_query::SelectStatement {
    use sea_orm::{QuerySelect, QueryTrait};
    device::Entity::find_by_id(device)
        .select_only()
        .column(device::Column::Ownership)
        .into_query()
}
