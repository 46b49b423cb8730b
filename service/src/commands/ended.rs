//! What the end of an ownership leaves of its commands, and of the jobs that wait for the device: nothing that is not
//! ended.
//!
//! Invariant: an unfinished command is one of the device's present ownership, so that nobody waits behind what
//! somebody else has asked for, or is told of it.

use domain::{AppError, TimestampMs, command::CommandState};
use entity::command;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::wifi;
use crate::{internal, jobs, twin};

/// Ends every unfinished command of a device for this reason, in the transaction that ends its ownership. Nobody is
/// told of them: who sent them has no part in the device any more. The jobs that waited for the device go on without
/// it, and are to be told after the commit.
pub(crate) async fn ownership_ended<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    reason: &str,
    now: TimestampMs,
) -> Result<jobs::Freed, AppError> {
    let unfinished = command::Entity::find()
        .filter(command::Column::DeviceId.eq(device))
        .filter(command::Column::FinishedMs.is_null())
        .order_by_asc(command::Column::Id)
        .lock_exclusive()
        .all(connection)
        .await
        .map_err(internal)?;
    for row in unfinished {
        let mut change: command::ActiveModel = row.into();
        change.state = Set(CommandState::Cancelled.as_str().to_owned());
        change.reason = Set(Some(reason.to_owned()));
        change.finished_ms = Set(Some(now.0));
        let ended = change.update(connection).await.map_err(internal)?;
        wifi::forget(connection, &ended).await?;
        twin::command_ended(connection, &ended).await?;
    }
    jobs::leave_out(connection, device, reason, now).await
}
