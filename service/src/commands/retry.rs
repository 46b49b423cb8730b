//! What follows the end of a command: another try after a failure, and what its end means for the wish
//! that it was to fulfil.
//!
//! Invariant: a further try is a command of its own, with an id of its own, because a device executes an
//! id once. It keeps the first one's expiry, so no try begins after it.

use domain::{
    AppError,
    command::{CommandOptions, CommandState},
};
use entity::command;
use sea_orm::{ActiveModelTrait, ConnectionTrait};
use uuid::Uuid;

use super::{
    queue::{Attempt, Draft, MAX_RETRY_WAIT_MS},
    row, wifi,
};
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
    let next = Draft {
        id: Uuid::now_v7(),
        device: row.device_id,
        ownership: row.ownership,
        name: row.name.clone(),
        component: row.component_key.clone(),
        arguments: row.arguments.clone(),
        created_by: row.created_by,
        queued_ms: now,
        expires_ms: row.expires_ms,
        options: CommandOptions {
            transient: row.transient,
            retries: u8::try_from(row.retries_left - 1).map_err(internal)?,
            retry_wait_ms: (row.retry_wait_ms * 2).min(MAX_RETRY_WAIT_MS),
            timeout_ms: row.timeout_ms,
        },
        job: row.job_id,
        attempt: Attempt {
            number: row.attempt + 1,
            of: row.retry_of.or(Some(row.id)),
            not_before_ms: begins,
        },
    };
    let next = next.row();
    let next = next.insert(connection).await.map_err(internal)?;
    wifi::forget(connection, row).await?;
    twin::followed(connection, row, next.id).await?;
    jobs::followed(connection, row, next.id).await?;
    Ok(Ended {
        again: Some(next),
        wishes: false,
    })
}
