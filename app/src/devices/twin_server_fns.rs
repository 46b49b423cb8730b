//! What a device's page asks of its twin.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::DeviceId;
use leptos::prelude::*;

use crate::Failure;

#[cfg(feature = "ssr")]
use {
    crate::{form::answer, request},
    domain::{AppError, ComponentKey},
    service::{commands::Commander, twin},
};

#[cfg(feature = "ssr")]
fn key(text: &str) -> Result<ComponentKey, AppError> {
    text.parse()
        .map_err(|_| AppError::invalid("component", "not_attached"))
}

/// Lets go of what is desired of the component `of`.
#[server(prefix = "/do", endpoint = "let_go")]
pub async fn let_go(id: DeviceId, of: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        twin::let_go(&services, &commander, &key(&of)?).await
    }
    .await;
    answer(result.map(|_| ()), "let_go", &[], None)
}

/// Sets what is desired of the component `of` again: `wanted` is the JSON object that was let go.
#[server(prefix = "/do", endpoint = "desire_state")]
pub async fn desire_state(id: DeviceId, of: String, wanted: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        let wanted = serde_json::from_str(&wanted)
            .map_err(|_| AppError::invalid("wanted", "json_object"))?;
        twin::desire(&services, &commander, &key(&of)?, wanted).await
    }
    .await;
    answer(result, "desire_state", &[], None)
}

/// Tries again what the server has given up.
#[server(prefix = "/do", endpoint = "try_again")]
pub async fn try_again(id: DeviceId, of: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        twin::try_again(&services, &commander, &key(&of)?).await
    }
    .await;
    answer(result, "try_again", &[], None)
}
