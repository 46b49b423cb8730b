//! Moving a device to another Wi-Fi network, and the password on its way there.
//!
//! Invariant of the password: in the table it is sealed, to people it is not shown, and in clear it is only in the message to the device
//! itself. When the command has ended it is gone.

use domain::{
    AppError,
    command::{Command, CommandOptions, CommandState, NewCommand},
};
use entity::command;
use protocol::{WIFI_CHANGE, WifiNetwork};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value, json};

use super::{queue, row};
use crate::{OwnerOf, Services, ViewerOf, internal, vault::Vault};

/// How long the change waits for its device, in milliseconds: whoever asks for it stands before it.
const VALID_FOR_MS: i64 = 10 * 60_000;
/// How long the device may be at it, in milliseconds: to join, to look for the site, to go back and to be there again.
const TIMEOUT_MS: i64 = 15 * 60_000;
/// What the secret is sealed for.
const PURPOSE: &str = "wifi password";
/// The member of the arguments that is sealed.
const PASSWORD: &str = "password";
/// What stands in its place.
const HIDDEN: &str = "••••••••";

/// A network as a person wishes for it; `Invalid` names the member that is wrong.
pub fn network(
    ssid: String,
    password: Option<String>,
    hidden: bool,
    wpa3: bool,
) -> Result<WifiNetwork, AppError> {
    WifiNetwork::new(ssid, password, hidden, wpa3)
        .map_err(|error| AppError::invalid(error.0, error.1))
}

/// Moves a device to another network. Where the site is not reached from there, the device goes back by itself and the
/// command fails.
pub async fn change(
    services: &Services,
    owner: &OwnerOf,
    network: &WifiNetwork,
) -> Result<Command, AppError> {
    let command = NewCommand {
        name: WIFI_CHANGE.to_owned(),
        component: None,
        arguments: Value::Object(object(network)?),
        valid_for_ms: VALID_FOR_MS,
        options: CommandOptions {
            timeout_ms: Some(TIMEOUT_MS),
            ..CommandOptions::default()
        },
    };
    queue::send(services, owner, command).await
}

/// A device's changes of its network.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The latest, newest first.
    pub latest: Vec<Command>,
    /// The last one that was done: the network that the device is on, as far as it was moved from here.
    pub done: Option<Command>,
}

/// The latest changes of a device's network, at most `limit`.
pub async fn changes(
    services: &Services,
    viewer: &ViewerOf,
    limit: u64,
) -> Result<Changes, AppError> {
    let device = viewer.device();
    let read = &services.db.read;
    let query = command::Entity::find()
        .filter(command::Column::DeviceId.eq(device.id))
        .filter(command::Column::Name.eq(WIFI_CHANGE))
        .filter(command::Column::QueuedMs.gte(viewer.history_from_ms))
        .order_by_desc(command::Column::QueuedMs)
        .order_by_desc(command::Column::Id);
    let latest = query.clone().limit(limit).all(read).await;
    let done = query
        .filter(command::Column::State.eq(CommandState::Completed.as_str()))
        .one(read)
        .await;
    let done = done.map_err(internal)?.into_iter().collect();
    Ok(Changes {
        latest: row::to_domain(read, device.uuid, latest.map_err(internal)?).await?,
        done: row::to_domain(read, device.uuid, done).await?.pop(),
    })
}

/// The arguments as the queue keeps them; refused where no network can be such.
pub(super) fn sealed(
    vault: &Vault,
    name: &str,
    arguments: Map<String, Value>,
) -> Result<Map<String, Value>, AppError> {
    if name != WIFI_CHANGE {
        return Ok(arguments);
    }
    let network = check(&arguments)?;
    let sealed = match network.password() {
        Some(password) => Some(hex::encode(vault.seal(PURPOSE, password.as_bytes())?)),
        None => None,
    };
    let mut kept = object(&network)?;
    if let Some(sealed) = sealed {
        kept.insert(PASSWORD.to_owned(), json!({ "sealed": sealed }));
    }
    Ok(kept)
}

/// A network as a person may wish for it.
fn check(arguments: &Map<String, Value>) -> Result<WifiNetwork, AppError> {
    let text = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(AppError::invalid(name, "text")),
    };
    let flag = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(AppError::invalid(name, "true_or_false")),
    };
    let known = ["ssid", PASSWORD, "hidden", "wpa3"];
    if let Some(other) = arguments.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(AppError::invalid(other.as_str(), "unknown_member"));
    }
    let ssid = text("ssid")?.unwrap_or_default();
    network(ssid, text(PASSWORD)?, flag("hidden")?, flag("wpa3")?)
}

fn object(network: &WifiNetwork) -> Result<Map<String, Value>, AppError> {
    match serde_json::to_value(network).map_err(internal)? {
        Value::Object(object) => Ok(object),
        _ => Err(internal("a network serialises to an object")),
    }
}

/// The arguments as the device is to have them.
pub(super) fn opened(
    vault: &Vault,
    name: &str,
    arguments: &Value,
) -> Result<Map<String, Value>, AppError> {
    let mut arguments = arguments.as_object().cloned().unwrap_or_default();
    if name == WIFI_CHANGE
        && let Some(sealed) = arguments
            .get(PASSWORD)
            .and_then(|kept| kept["sealed"].as_str())
    {
        let sealed = hex::decode(sealed).map_err(internal)?;
        let password = String::from_utf8(vault.open(PURPOSE, &sealed)?).map_err(internal)?;
        arguments.insert(PASSWORD.to_owned(), Value::String(password));
    }
    Ok(arguments)
}

/// The arguments as people may see them.
pub(super) fn shown(name: &str, mut arguments: Value) -> Value {
    if name == WIFI_CHANGE && arguments.get(PASSWORD).is_some() {
        arguments[PASSWORD] = json!(HIDDEN);
    }
    arguments
}

/// Takes the password out of a command that has ended; to be called in the same transaction.
pub(super) async fn forget<C: ConnectionTrait>(
    connection: &C,
    row: &command::Model,
) -> Result<(), AppError> {
    if row.name != WIFI_CHANGE {
        return Ok(());
    }
    let change = command::ActiveModel {
        id: Unchanged(row.id),
        arguments: Set(shown(&row.name, row.arguments.clone())),
        ..Default::default()
    };
    change.update(connection).await.map_err(internal)?;
    Ok(())
}
