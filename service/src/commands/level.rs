//! How far an actuator is on: a `set` with a level, for what has levels.

use domain::{
    AppError, ComponentKey,
    command::{Command, CommandOptions, NewCommand},
    component::{FULL_LEVEL, LEVEL},
};
use serde_json::json;

use super::{MayCommand, queue};
use crate::{Services, components};

/// Queues what brings an actuator to this level, in percent, and keeps it as what is desired; it may wait so long for
/// its device, in milliseconds.
pub async fn set_level(
    services: &Services,
    sender: &impl MayCommand,
    component: ComponentKey,
    level: u8,
    valid_for_ms: i64,
) -> Result<Command, AppError> {
    if level > FULL_LEVEL {
        return Err(AppError::invalid("level", "level"));
    }
    let attached = components::described(&services.db.read, sender.device().id).await?;
    let attached = attached.iter().find(|known| known.key == component);
    let attached = attached.ok_or_else(|| AppError::invalid("component", "not_attached"))?;
    if !attached.has_level() {
        return Err(AppError::invalid("component", "no_level"));
    }
    let command = NewCommand {
        name: "set".to_owned(),
        component: Some(component),
        arguments: json!({ LEVEL: level }),
        valid_for_ms,
        options: CommandOptions::default(),
    };
    queue::send(services, sender, command).await
}
