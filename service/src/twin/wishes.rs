//! The rows of what is desired: set by a command, followed through its tries, taken back with it.
//!
//! Invariant: beneath a wish whose command has not ended stands everything that may become what is desired when such
//! commands are taken back, in whatever order that happens: the wishes of the commands that have not ended either, and
//! under them the one that nothing takes back any more.

use domain::{AppError, CommandId, command::CommandState, twin::Desired};
use entity::{command, component, component_type, desired, device, user};
use protocol::STATE_DESIRED;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder,
};
use serde::{Deserialize, Serialize};
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

/// What was desired before; `desired.previous` is a list of these, the latest last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Earlier {
    /// The arguments of a command that has not ended, and may be taken back itself.
    Command(Uuid),
    /// What nothing takes back any more: nothing is kept beneath it.
    Lasting {
        wanted: Value,
        by: Option<Uuid>,
        at_ms: i64,
    },
}

impl Earlier {
    fn is_of(&self, command: Uuid) -> bool {
        matches!(self, Self::Command(id) if *id == command)
    }

    fn of(row: &desired::Model) -> Result<Vec<Self>, AppError> {
        match &row.previous {
            Some(list) => serde_json::from_value(list.clone()).map_err(internal),
            None => Ok(Vec::new()),
        }
    }

    fn kept(list: &[Self]) -> Result<Option<Value>, AppError> {
        match list {
            [] => Ok(None),
            list => serde_json::to_value(list).map(Some).map_err(internal),
        }
    }
}

/// Whether it is the server's own try at a wish, and not the command that a person made it by or a further try of that.
fn is_own_try(row: &command::Model, wish: &desired::Model) -> bool {
    let made_it = row.queued_ms == wish.set_ms || row.retry_of.is_some();
    row.name == STATE_DESIRED || wish.attempts > 0 || !made_it
}

/// Whether a command that has not ended is the server's own try at a wish.
pub(crate) async fn is_own<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<bool, AppError> {
    let wishes = desired::Entity::find()
        .filter(desired::Column::DeviceId.eq(row.device_id))
        .filter(desired::Column::CommandId.eq(row.id))
        .all(connection)
        .await
        .map_err(internal)?;
    Ok(wishes.iter().any(|wish| is_own_try(row, wish)))
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
    let earlier = match (&before, wish.command) {
        (Some(row), Some(_)) if row.ownership == wish.ownership => beneath(connection, row).await?,
        // A wish alone is not taken back: it is let go of.
        _ => Vec::new(),
    };
    let by_set = before.as_ref().is_some_and(|row| row.by_set);
    let row = desired::ActiveModel {
        device_id: Set(wish.device),
        component_key: Set(wish.component.to_owned()),
        wanted: Set(wish.wanted),
        previous: Set(Earlier::kept(&earlier)?),
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

/// What stands beneath a wish that comes after this one.
async fn beneath<C: ConnectionTrait>(
    connection: &C,
    row: &desired::Model,
) -> Result<Vec<Earlier>, AppError> {
    let made_by = match row.command_id {
        Some(id) => command::Entity::find_by_id(id)
            .one(connection)
            .await
            .map_err(internal)?,
        None => None,
    };
    let unfinished =
        made_by.filter(|command| command.finished_ms.is_none() && !is_own_try(command, row));
    let Some(unfinished) = unfinished else {
        return Ok(vec![Earlier::Lasting {
            wanted: row.wanted.clone(),
            by: row.set_by,
            at_ms: row.set_ms,
        }]);
    };
    let mut list = Earlier::of(row)?;
    list.push(Earlier::Command(unfinished.id));
    Ok(list)
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
    before: &command::Model,
    after: Uuid,
) -> Result<(), AppError> {
    for wish in concerned(connection, before).await? {
        if wish.command_id == Some(before.id) {
            let mut change = wish.into_active_model();
            change.command_id = Set(Some(after));
            change.update(connection).await.map_err(internal)?;
            continue;
        }
        let mut list = Earlier::of(&wish)?;
        let Some(place) = list.iter_mut().find(|earlier| earlier.is_of(before.id)) else {
            continue;
        };
        *place = Earlier::Command(after);
        keep(connection, wish, &list).await?;
    }
    Ok(())
}

/// The wishes that a command was to fulfil, and those that came after them.
async fn concerned<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<Vec<desired::Model>, AppError> {
    let same = row.component_key.as_ref();
    let theirs = Condition::any()
        .add(desired::Column::CommandId.eq(row.id))
        .add_option(same.map(|key| desired::Column::ComponentKey.eq(key)));
    desired::Entity::find()
        .filter(desired::Column::DeviceId.eq(row.device_id))
        .filter(theirs)
        .all(connection)
        .await
        .map_err(internal)
}

/// Keeps this beneath a wish.
async fn keep<C: ConnectionTrait>(
    connection: &C,
    wish: desired::Model,
    list: &[Earlier],
) -> Result<(), AppError> {
    let mut change = wish.into_active_model();
    change.previous = Set(Earlier::kept(list)?);
    change.update(connection).await.map_err(internal)?;
    Ok(())
}

/// What the end of a command means for what it was to bring about; whether anything changed.
///
/// A `set` that was taken back, or that the device refused, takes its wish back with it. One that ran out or
/// failed leaves the wish: the device is brought to it later. The same holds for a wish that another one came after.
pub(crate) async fn command_ended<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<bool, AppError> {
    let Some(state) = CommandState::parse(&row.state).filter(|state| state.is_final()) else {
        return Ok(false);
    };
    let (wishes, later): (Vec<_>, Vec<_>) = concerned(connection, row)
        .await?
        .into_iter()
        .partition(|wish| wish.command_id == Some(row.id));
    let changed = !wishes.is_empty();
    let reason = row.reason.as_deref().unwrap_or_default();
    let ended_ms = row.finished_ms.unwrap_or(row.queued_ms);
    let refused = state == CommandState::Rejected && reason != "expired";
    let taken_back = refused || state == CommandState::Cancelled;
    for wish in later {
        ended_beneath(connection, wish, row, taken_back).await?;
    }
    for wish in wishes {
        let own_try = is_own_try(row, &wish);
        match state {
            _ if taken_back && !own_try => take_back(connection, wish).await?,
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

/// What the end of a command means for a wish that came after its own: what was taken back is not returned to, and
/// what lasts leaves nothing beneath it.
async fn ended_beneath<C: ConnectionTrait>(
    connection: &C,
    wish: desired::Model,
    row: &command::Model,
    taken_back: bool,
) -> Result<(), AppError> {
    let mut list = Earlier::of(&wish)?;
    let Some(at) = list.iter().position(|earlier| earlier.is_of(row.id)) else {
        return Ok(());
    };
    if taken_back {
        list.remove(at);
    } else {
        list.drain(..=at);
        let lasting = Earlier::Lasting {
            wanted: row.arguments.clone(),
            by: row.created_by,
            at_ms: row.queued_ms,
        };
        list.insert(0, lasting);
    }
    keep(connection, wish, &list).await
}

/// What was desired before this is desired again, or nothing.
async fn take_back<C: ConnectionTrait>(
    connection: &C,
    wish: desired::Model,
) -> Result<(), AppError> {
    let mut list = Earlier::of(&wish)?;
    let Some(last) = list.pop() else {
        desired::Entity::delete_by_id((wish.device_id, wish.component_key))
            .exec(connection)
            .await
            .map_err(internal)?;
        return Ok(());
    };
    let (wanted, by, at_ms, command) = match last {
        Earlier::Lasting { wanted, by, at_ms } => (wanted, by, at_ms, None),
        Earlier::Command(id) => {
            let row = command::Entity::find_by_id(id)
                .one(connection)
                .await
                .map_err(internal)?
                .ok_or_else(|| internal(format!("the command {id} of a wish is gone")))?;
            (row.arguments, row.created_by, row.queued_ms, Some(id))
        }
    };
    let mut change = wish.into_active_model();
    change.wanted = Set(wanted);
    change.previous = Set(Earlier::kept(&list)?);
    change.set_by = Set(by);
    change.set_ms = Set(at_ms);
    change.command_id = Set(command);
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
