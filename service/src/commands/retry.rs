//! What follows the end of a command: another try after a failure, and what its end means for the wish
//! that it was to fulfil.
//!
//! Invariant: a further try is a command of its own, with an id of its own, because a device executes an
//! id once. It keeps the first one's expiry, so no try begins after it.

use domain::{AppError, command::CommandState};
use entity::command;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait};
use uuid::Uuid;

use super::{queue::MAX_RETRY_WAIT_MS, row, wifi};
use crate::{internal, jobs, twin};

/// What the end of a command led to.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The next try.
    pub(super) again: Option<command::Model>,
    /// Whether what is desired of the device has changed.
    pub(super) wishes: bool,
}

/// To be called with a command that has moved, in the same transaction. One that has not ended leads to
/// nothing.
pub(super) async fn ended<C: ConnectionTrait>(
    connection: &C,
    now: i64,
    row: &command::Model,
) -> Result<Ended, AppError> {
    let state = row::state(row)?;
    if !state.is_final() {
        return Ok(Ended::default());
    }
    let failed = matches!(state, CommandState::Failed | CommandState::TimedOut);
    let begins = now.saturating_add(row.retry_wait_ms.max(0));
    if !failed || row.retries_left <= 0 || begins > row.expires_ms {
        wifi::forget(connection, row).await?;
        return Ok(Ended {
            again: None,
            wishes: twin::command_ended(connection, row).await?,
        });
    }
    let next = command::ActiveModel {
        id: Set(Uuid::now_v7()),
        device_id: Set(row.device_id),
        name: Set(row.name.clone()),
        component_key: Set(row.component_key.clone()),
        arguments: Set(row.arguments.clone()),
        state: Set(CommandState::Queued.as_str().to_owned()),
        progress: Set(None),
        reason: Set(None),
        output: Set(None),
        created_by: Set(row.created_by),
        ownership: Set(row.ownership),
        queued_ms: Set(now),
        delivered_ms: Set(None),
        accepted_ms: Set(None),
        executing_ms: Set(None),
        finished_ms: Set(None),
        expires_ms: Set(row.expires_ms),
        transient: Set(row.transient),
        retries_left: Set(row.retries_left - 1),
        attempt: Set(row.attempt + 1),
        retry_wait_ms: Set((row.retry_wait_ms * 2).min(MAX_RETRY_WAIT_MS)),
        retry_of: Set(Some(row.retry_of.unwrap_or(row.id))),
        not_before_ms: Set(begins),
        timeout_ms: Set(row.timeout_ms),
        answered_ms: Set(None),
        job_id: Set(row.job_id),
    };
    let next = next.insert(connection).await.map_err(internal)?;
    wifi::forget(connection, row).await?;
    twin::followed(connection, row.id, next.id).await?;
    jobs::followed(connection, row, next.id).await?;
    Ok(Ended {
        again: Some(next),
        wishes: false,
    })
}
