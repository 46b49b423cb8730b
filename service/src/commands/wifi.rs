//! The password of a Wi-Fi network on its way to a device.
//!
//! Invariant: in the table it is sealed, to people it is not shown, and in clear it is only in the message to the device
//! itself. When the command has ended it is gone.

use domain::AppError;
use entity::command;
use protocol::{WIFI_CHANGE, WifiNetwork};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ConnectionTrait,
};
use serde_json::{Map, Value, json};

use crate::{internal, vault::Vault};

/// What the secret is sealed for.
const PURPOSE: &str = "wifi password";
/// The member of the arguments that is sealed.
const PASSWORD: &str = "password";
/// What stands in its place.
const HIDDEN: &str = "••••••••";

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
    WifiNetwork::new(ssid, text(PASSWORD)?, flag("hidden")?, flag("wpa3")?)
        .map_err(|error| AppError::invalid(error.0, error.1))
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
