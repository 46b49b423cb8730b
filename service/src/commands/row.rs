//! From a row of the queue to the command a person follows.

use std::collections::HashMap;

use domain::{
    AppError, CommandId, DeviceId, JobId, TimestampMs,
    command::{Command, CommandState},
    live::LiveEvent,
};
use entity::{command, user};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::wifi;
use crate::{Services, internal};

pub(super) async fn find<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    command: CommandId,
) -> Result<command::Model, AppError> {
    command::Entity::find_by_id(command.0)
        .filter(command::Column::DeviceId.eq(device))
        .one(connection)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

pub(super) fn state(row: &command::Model) -> Result<CommandState, AppError> {
    CommandState::parse(&row.state)
        .ok_or_else(|| internal(format!("command {} is in state {}", row.id, row.state)))
}

/// How far along a state is; a command never moves to a lower one.
pub(super) fn rank(state: CommandState) -> u8 {
    match state {
        CommandState::Queued => 0,
        CommandState::Delivered => 1,
        CommandState::Accepted => 2,
        CommandState::Executing => 3,
        _ => 4,
    }
}

pub(crate) async fn one_to_domain<C: ConnectionTrait>(
    connection: &C,
    device: DeviceId,
    row: command::Model,
) -> Result<Command, AppError> {
    let mut all = to_domain(connection, device, vec![row]).await?;
    all.pop().ok_or(AppError::NotFound)
}

pub(super) async fn to_domain<C: ConnectionTrait>(
    connection: &C,
    device: DeviceId,
    rows: Vec<command::Model>,
) -> Result<Vec<Command>, AppError> {
    let mut senders: Vec<Uuid> = rows.iter().filter_map(|row| row.created_by).collect();
    senders.sort_unstable();
    senders.dedup();
    let names: HashMap<Uuid, String> = user::Entity::find()
        .filter(user::Column::Id.is_in(senders))
        .all(connection)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|user| (user.id, user.name))
        .collect();
    rows.into_iter()
        .map(|row| {
            let sender = row.created_by.and_then(|id| names.get(&id).cloned());
            convert(device, row, sender.unwrap_or_default())
        })
        .collect()
}

fn convert(device: DeviceId, row: command::Model, created_by: String) -> Result<Command, AppError> {
    Ok(Command {
        state: state(&row)?,
        id: CommandId(row.id),
        device,
        arguments: wifi::shown(&row.name, row.arguments),
        name: row.name,
        component: row
            .component_key
            .map(|key| key.parse())
            .transpose()
            .map_err(internal)?,
        progress: row.progress.and_then(|p| u8::try_from(p).ok()),
        reason: row.reason,
        output: row.output,
        created_by,
        queued_at: TimestampMs(row.queued_ms),
        delivered_at: row.delivered_ms.map(TimestampMs),
        accepted_at: row.accepted_ms.map(TimestampMs),
        executing_at: row.executing_ms.map(TimestampMs),
        finished_at: row.finished_ms.map(TimestampMs),
        expires_at: TimestampMs(row.expires_ms),
        transient: row.transient,
        attempt: u32::try_from(row.attempt).unwrap_or(1),
        retries_left: u8::try_from(row.retries_left).unwrap_or(0),
        retry_of: row.retry_of.map(CommandId),
        not_before: (row.not_before_ms > 0).then_some(TimestampMs(row.not_before_ms)),
        job: row.job_id.map(JobId),
    })
}

pub(crate) async fn publish(services: &Services, commands: Vec<Command>) {
    let events = commands
        .into_iter()
        .map(|command| LiveEvent::Command {
            command: Box::new(command),
        })
        .collect();
    services.bus.publish(events).await;
}
