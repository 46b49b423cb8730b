//! Commands: the queue is the database; published only to a connected device; answered into its row.

use domain::{
    AppError, CommandId, DeviceId,
    command::{Command, NewCommand},
};
use protocol::CommandResult;

use crate::{OwnerOf, Services, ViewerOf};

/// Queues a command and wakes the dispatcher.
pub async fn send(
    services: &Services,
    owner: &OwnerOf,
    command: NewCommand,
) -> Result<Command, AppError> {
    let _ = (services, owner, command);
    Err(AppError::Unavailable)
}

/// A device's commands, newest first, before `before` where given.
pub async fn list(
    services: &Services,
    viewer: &ViewerOf,
    before: Option<CommandId>,
    limit: u32,
) -> Result<Vec<Command>, AppError> {
    let _ = (services, viewer, before, limit);
    Err(AppError::Unavailable)
}

/// Takes a command back that has not been delivered.
pub async fn cancel(
    services: &Services,
    owner: &OwnerOf,
    command: CommandId,
) -> Result<Command, AppError> {
    let _ = (services, owner, command);
    Err(AppError::Unavailable)
}

/// Stores a device's verified answer; an answer to a finished command changes nothing.
pub async fn record_result(
    services: &Services,
    device: DeviceId,
    command: CommandId,
    result: CommandResult,
) -> Result<(), AppError> {
    let _ = (services, device, command, result);
    Err(AppError::Unavailable)
}

/// Delivers what waits for this device, oldest first; called when it connects and when something was queued.
pub async fn deliver(services: &Services, device: DeviceId) -> Result<(), AppError> {
    let _ = (services, device);
    Err(AppError::Unavailable)
}
