//! Commands: the queue is the database; published only to a connected device; answered into its row.
//!
//! Invariant: a command moves only forward through [`CommandState`], each step in one transaction that
//! holds its device ([`step`]), and told on the live bus after its commit. [`run`] is the task that keeps
//! the queue moving.

mod dispatch;
mod ended;
mod level;
mod permission;
mod queue;
mod retry;
mod row;
mod senders;
pub(crate) mod step;
mod sweep;
pub mod wifi;

pub use dispatch::deliver;
pub(crate) use dispatch::{Dispatch, wake};
pub(crate) use ended::ownership_ended;
pub use level::set_level;
pub(crate) use permission::confirm;
pub use permission::{Commander, MayCommand};
pub(crate) use queue::{Attempt, Draft, MAX_WAITING, check_form, check_options, waiting};
pub use queue::{VALIDITY_MS, send, send_once};
pub(crate) use row::{one_to_domain, publish};
pub(crate) use senders::NOT_ALLOWED;
pub use sweep::run;

use domain::{
    AppError, CommandId, DeviceId,
    command::{Command, CommandState},
};
use entity::command;
use protocol::{CommandResult, CommandStatus};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use serde_json::json;

use crate::{Services, ViewerOf, apart::commit_then, audit, internal};

/// Most characters of a reason that are kept.
const MAX_REASON: usize = 500;

/// A device's commands, newest first, before `before` where given.
pub async fn list(
    services: &Services,
    viewer: &ViewerOf,
    before: Option<CommandId>,
    limit: u32,
) -> Result<Vec<Command>, AppError> {
    let device = viewer.device();
    let mut query = command::Entity::find()
        .filter(command::Column::DeviceId.eq(device.id))
        .filter(command::Column::QueuedMs.gte(viewer.history_from_ms));
    if let Some(before) = before {
        let last = row::find(&services.db.read, device.id, before).await?;
        query = query.filter(
            Condition::any()
                .add(command::Column::QueuedMs.lt(last.queued_ms))
                .add(
                    Condition::all()
                        .add(command::Column::QueuedMs.eq(last.queued_ms))
                        .add(command::Column::Id.lt(last.id)),
                ),
        );
    }
    let rows = query
        .order_by_desc(command::Column::QueuedMs)
        .order_by_desc(command::Column::Id)
        .limit(u64::from(limit.clamp(1, 200)))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    row::to_domain(&services.db.read, device.uuid, rows).await
}

/// One command of a device as it stands.
pub async fn get(
    services: &Services,
    viewer: &ViewerOf,
    command: CommandId,
) -> Result<Command, AppError> {
    let device = viewer.device();
    let found = row::find(&services.db.read, device.id, command).await?;
    if found.queued_ms < viewer.history_from_ms {
        return Err(AppError::NotFound);
    }
    row::one_to_domain(&services.db.read, device.uuid, found).await
}

/// Takes a command back that has not been delivered.
pub async fn cancel(
    services: &Services,
    sender: &impl MayCommand,
    command: CommandId,
) -> Result<Command, AppError> {
    let device = sender.device();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let held = step::hold(&transaction, device.uuid).await?;
    let found = held.command(command).await?;
    match row::state(&found)? {
        CommandState::Queued => {}
        CommandState::Cancelled => {
            return row::one_to_domain(&transaction, device.uuid, found).await;
        }
        state if state.is_final() => return Err(AppError::conflict("command_finished")),
        _ => return Err(AppError::conflict("command_delivered")),
    }
    confirm(sender, &transaction).await?;
    let (now, state) = (services.now().0, CommandState::Cancelled);
    let moved = held.end(found, now, state, None).await?;
    audit::record(
        services,
        &transaction,
        sender.actor(),
        "commands.cancel",
        Some(device.uuid.to_string()),
        json!({ "command_id": command }),
    )
    .await?;
    let cancelled = moved.commands.first().cloned();
    let services = services.clone();
    commit_then(transaction, async move {
        moved.tell(&services).await;
        Ok(())
    })
    .await?;
    cancelled.ok_or_else(|| internal("a step without its command"))
}

/// Stores a device's verified answer; an answer to a finished command changes nothing.
pub async fn record_result(
    services: &Services,
    device: DeviceId,
    command: CommandId,
    result: CommandResult,
) -> Result<(), AppError> {
    let now = services.now().0;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let held = step::hold(&transaction, device).await?;
    let found = held.command(command).await?;
    let before = row::state(&found)?;
    let after = match result.status {
        CommandStatus::Accepted => CommandState::Accepted,
        CommandStatus::Executing => CommandState::Executing,
        CommandStatus::Completed => CommandState::Completed,
        CommandStatus::Failed => CommandState::Failed,
        CommandStatus::Rejected => CommandState::Rejected,
    };
    if before.is_final() || row::rank(after) < row::rank(before) {
        return Ok(());
    }
    // A sign of life of a device that is at it.
    let heard = after == before && found.timeout_ms.is_some();
    let unchanged_progress = result
        .progress
        .is_none_or(|p| found.progress == Some(p.into()));
    if after == before && unchanged_progress && !heard {
        return Ok(());
    }
    let (delivered, accepted) = (found.delivered_ms, found.accepted_ms);
    let moved = held
        .step(found, now, |change| {
            change.state = Set(after.as_str().to_owned());
            change.delivered_ms = Set(delivered.or(Some(now)));
            change.answered_ms = Set(Some(now));
            if after != CommandState::Rejected {
                change.accepted_ms = Set(accepted.or(Some(now)));
            }
            if after == CommandState::Executing && before != CommandState::Executing {
                change.executing_ms = Set(Some(now));
            }
            if let Some(progress) = result.progress {
                change.progress = Set(Some(progress.min(100).into()));
            }
            if after.is_final() {
                change.finished_ms = Set(Some(now));
            }
            if let Some(reason) = result.reason {
                change.reason = Set(Some(reason.chars().take(MAX_REASON).collect()));
            }
            if let Some(output) = result.output {
                change.output = Set(Some(output));
            }
        })
        .await?;
    transaction.commit().await.map_err(internal)?;
    moved.tell(services).await;
    Ok(())
}
