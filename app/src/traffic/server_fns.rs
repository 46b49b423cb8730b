//! What the page that debugs a device asks of the server.

#![allow(clippy::too_many_arguments, reason = "the fields of a form")]
#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId,
    command::Command,
    component::Component,
    traffic::{TrafficMessage, TrafficQuery},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{form::answer, request},
    domain::{
        AppError,
        command::{CommandOptions, NewCommand},
    },
    service::{
        commands::{self, Commander},
        devices, traffic,
    },
};

/// A device as it is debugged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debugged {
    /// Its name.
    pub name: String,
    /// What is attached to it.
    pub components: Vec<Component>,
    /// Its latest messages, newest first.
    pub messages: Vec<TrafficMessage>,
    /// Its latest commands, newest first.
    pub commands: Vec<Command>,
}

/// A device with its latest messages; it is watched from now on.
#[server(prefix = "/do", endpoint = "read_debugged", input = Json, output = Json)]
pub async fn read_debugged(id: DeviceId, query: TrafficQuery) -> Result<Debugged, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let commander = Commander::prove(&services, &actor, id).await?;
    let viewer = actor.require_viewer(&services, id).await?;
    let detail = devices::detail(&services, &viewer).await?;
    Ok(Debugged {
        name: detail.summary.name,
        components: detail.components,
        messages: traffic::read(&services, &commander, &query).await?,
        commands: commands::list(&services, &viewer, None, 10).await?,
    })
}

/// A device's latest messages, newest first.
#[server(prefix = "/do", endpoint = "read_traffic", input = Json, output = Json)]
pub async fn read_traffic(
    id: DeviceId,
    query: TrafficQuery,
) -> Result<Vec<TrafficMessage>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let commander = Commander::prove(&services, &actor, id).await?;
    Ok(traffic::read(&services, &commander, &query).await?)
}

/// Sends any command.
#[server(prefix = "/do", endpoint = "send_any")]
pub async fn send_any(
    id: DeviceId,
    name: String,
    #[server(default)] component: String,
    #[server(default)] arguments: String,
    valid_for_s: i64,
    #[server(default)] retries: String,
    #[server(default)] timeout_ms: String,
    #[server(default)] transient: Option<String>,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        let component = match component.trim() {
            "" => None,
            key => Some(
                key.parse()
                    .map_err(|_| AppError::invalid("component", "not_attached"))?,
            ),
        };
        let arguments = match arguments.trim() {
            "" => serde_json::json!({}),
            text => serde_json::from_str(text)
                .map_err(|_| AppError::invalid("arguments", "json_object"))?,
        };
        // The form asks for seconds; its field has the name of what it is about.
        let timeout_ms = match timeout_ms.trim() {
            "" => None,
            text => Some(whole::<i64>("timeout_ms", text)?.saturating_mul(1_000)),
        };
        let command = NewCommand {
            name: name.trim().to_owned(),
            component,
            arguments,
            valid_for_ms: valid_for_s.saturating_mul(1_000),
            options: CommandOptions {
                transient: transient.is_some(),
                retries: match retries.trim() {
                    "" => 0,
                    text => whole("retries", text)?,
                },
                retry_wait_ms: 5_000,
                timeout_ms,
            },
        };
        commands::send(&services, &commander, command).await
    }
    .await;
    let typed = [
        ("name", name.as_str()),
        ("component", component.as_str()),
        ("arguments", arguments.as_str()),
        ("retries", retries.as_str()),
        ("timeout_ms", timeout_ms.as_str()),
    ];
    answer(result.map(|_| ()), "send_any", &typed, None)
}

#[cfg(feature = "ssr")]
fn whole<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, AppError> {
    text.parse()
        .map_err(|_| AppError::invalid(field, "whole_number"))
}
