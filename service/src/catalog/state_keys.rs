//! One source for each key of the state.
//!
//! A type fills its own name (an actuator's `status`) and its name with each value behind it, so `dht22` with
//! `temp` and a type that is itself called `dht22_temp` would write over each other.

use std::collections::HashMap;

use domain::{AppError, catalog::CatalogComponent};
use sea_orm::ConnectionTrait;

use super::types;

/// What the server itself puts into the state.
const OWN: [&str; 5] = [
    "device_status",
    "device_forced",
    "ota_status",
    "ota_progress",
    "ota_version",
];

/// Refuses a type that fills a key which another one, or the server, fills.
pub(super) async fn check<C: ConnectionTrait>(
    connection: &C,
    new: &CatalogComponent,
) -> Result<(), AppError> {
    // What a device reports beyond the declared values fills keys under the type's name as well.
    let under = format!("{}_", new.component_type);
    if let Some(key) = OWN.iter().find(|key| key.starts_with(&under)) {
        return Err(AppError::conflict_with(
            "state_key_taken",
            format!("{key} (madang)"),
        ));
    }
    let others = types::all(connection).await?;
    let mut taken: HashMap<String, String> = OWN
        .into_iter()
        .map(|key| (key.to_owned(), "madang".to_owned()))
        .collect();
    for other in others {
        if other.component_type != new.component_type {
            let keys = other.state_keys();
            taken.extend(
                keys.into_iter()
                    .map(|key| (key, other.component_type.to_string())),
            );
        }
    }
    let mut seen = std::collections::HashSet::new();
    for key in new.state_keys() {
        if let Some(by) = taken.get(&key) {
            return Err(AppError::conflict_with(
                "state_key_taken",
                format!("{key} ({by})"),
            ));
        }
        if !seen.insert(key.clone()) {
            return Err(AppError::conflict_with("state_key_taken", key));
        }
    }
    Ok(())
}
