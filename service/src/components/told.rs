//! Telling of a change: the device's page, its timeline, and the device itself.

use domain::{
    AppError,
    command::{CommandOptions, CommandState, NewCommand},
    device::Lifecycle,
    event::{EventKind, Severity},
    live::LiveEvent,
};
use entity::{command, component, device};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::{OwnerOf, Services, commands, devices, events, internal};

/// The command that says that the components are others now.
const CHANGED: &str = "component/changed";
/// What it says: which component, and what became of it.
const COMPONENT: &str = "component_key";
const ACTION: &str = "action";
/// How long it waits for the device, which learns the same from its retained `owner` when it connects.
const VALID_MS: i64 = 24 * 3_600_000;

/// What became of a component.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    Attached,
    Changed,
    Detached,
    Reattached,
}

impl Done {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Changed => "changed",
            Self::Detached => "detached",
            Self::Reattached => "reattached",
        }
    }
}

/// Whether this command says no more than [`tell`] does. One of that name with arguments of its own is somebody's.
pub(crate) fn is_told(row: &command::Model) -> bool {
    let said = row.arguments.as_object();
    row.name == CHANGED
        && row.component_key.is_none()
        && said.is_some_and(|said| {
            said.len() == 2
                && [COMPONENT, ACTION]
                    .iter()
                    .all(|name| said.get(*name).is_some_and(Value::is_string))
        })
}

/// Tells of what was committed. A device that is not there learns it when it comes.
pub(super) async fn tell(
    services: &Services,
    owner: &OwnerOf,
    done: Done,
    row: &component::Model,
) -> Result<(), AppError> {
    let of = owner.device();
    let detail = json!({
        "action": done.as_str(), "component": row.key, "by": owner.actor().user.name,
    });
    let (kind, severity) = (EventKind::Components, Severity::Info);
    events::record(services, of.id, of.uuid, kind, severity, detail).await?;
    let device = of.uuid;
    services
        .bus
        .publish(vec![LiveEvent::Device { device }])
        .await;
    let active = device::Entity::find_by_id(of.id)
        .filter(device::Column::Lifecycle.eq(Lifecycle::Active.as_str()))
        .one(&services.db.read)
        .await
        .map_err(internal)?;
    if active.is_none() {
        return Ok(());
    }
    devices::tell_owner(services, device).await?;
    // One that still waits says the same: the device asks for all its components.
    let waiting = command::Entity::find()
        .filter(command::Column::DeviceId.eq(of.id))
        .filter(command::Column::Name.eq(CHANGED))
        .filter(command::Column::State.eq(CommandState::Queued.as_str()))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    if waiting.iter().any(is_told) {
        return Ok(());
    }
    let command = NewCommand {
        name: CHANGED.to_owned(),
        component: None,
        arguments: json!({ COMPONENT: row.key, ACTION: done.as_str() }),
        valid_for_ms: VALID_MS,
        options: CommandOptions::default(),
    };
    match commands::send(services, owner, command).await {
        Ok(_) => Ok(()),
        Err(AppError::Conflict { message }) => {
            tracing::warn!(%device, "the device is not told by a command: {message}");
            Ok(())
        }
        // Who changed it has lost it since. It is changed all the same, and its `owner` has said so.
        Err(AppError::Forbidden | AppError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}
