//! What the page that debugs a device asks of the server.

#![allow(clippy::too_many_arguments, reason = "the fields of a form")]
#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId, Scalar,
    command::Command,
    component::Component,
    forced::Forced,
    traffic::{TrafficMessage, TrafficQuery},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{commands::until, form::answer, request},
    domain::{
        AppError,
        command::{CommandOptions, NewCommand},
    },
    service::{
        commands::{self, Commander},
        devices, forced, traffic,
    },
};

/// A device as it is debugged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debugged {
    /// Its name.
    pub name: String,
    /// Its latest messages, newest first.
    pub messages: Vec<TrafficMessage>,
}

/// What can be sent to a device that is debugged, and what was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sendable {
    /// What is attached to it.
    pub components: Vec<Component>,
    /// What can be forced.
    pub values: Vec<Forcible>,
    /// Its latest commands, newest first.
    pub commands: Vec<Command>,
}

/// A value of a device's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forcible {
    /// Its key.
    pub key: String,
    /// What it is now.
    pub now: Option<Scalar>,
    /// Who set it by hand.
    pub forced: Option<Forced>,
}

#[cfg(feature = "ssr")]
fn forcible(detail: &domain::device::DeviceDetail) -> Vec<Forcible> {
    let keys = detail.components.iter().flat_map(|component| {
        component
            .values
            .iter()
            .map(|value| match value.name.as_str() {
                "" => component.key.to_string(),
                name => format!("{}_{name}", component.key),
            })
    });
    keys.map(|key| Forcible {
        now: detail.state.get(&key).cloned(),
        forced: detail.forced.get(&key).cloned(),
        key,
    })
    .collect()
}

/// The values of a device's state that can be forced, and those that are.
#[server(prefix = "/do", endpoint = "read_forcible", input = Json, output = Json)]
pub async fn read_forcible(id: DeviceId) -> Result<Vec<Forcible>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    Ok(forcible(&devices::detail(&services, &viewer).await?))
}

/// Sets a value by hand: a number where the device reports one.
#[server(prefix = "/do", endpoint = "force_state")]
pub async fn force_state(id: DeviceId, key: String, value: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        let viewer = actor.require_viewer(&services, id).await?;
        let now = devices::detail(&services, &viewer)
            .await?
            .state
            .remove(&key);
        let text = value.trim();
        let other = || AppError::invalid("value", "value_type");
        let scalar = match (now, text.parse::<f64>(), text.parse::<bool>()) {
            (Some(Scalar::Number(_)), number, _) => Scalar::Number(number.map_err(|_| other())?),
            (Some(Scalar::Bool(_)), _, truth) => Scalar::Bool(truth.map_err(|_| other())?),
            (None, Ok(number), _) => Scalar::Number(number),
            (None, _, Ok(truth)) => Scalar::Bool(truth),
            _ => Scalar::Text(text.to_owned()),
        };
        forced::force(&services, &commander, &key, scalar).await
    }
    .await;
    let typed = [("key", key.as_str()), ("value", value.as_str())];
    answer(result, "force_state", &typed, None)
}

/// Puts back what the device reported last under the key `of`.
#[server(prefix = "/do", endpoint = "release_state")]
pub async fn release_state(id: DeviceId, of: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = Commander::prove(&services, &actor, id).await?;
        forced::release(&services, &commander, &of).await
    }
    .await;
    answer(result, "release_state", &[], None)
}

/// A device with its latest messages; it is watched from now on.
#[server(prefix = "/do", endpoint = "read_debugged", input = Json, output = Json)]
pub async fn read_debugged(id: DeviceId, query: TrafficQuery) -> Result<Debugged, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let commander = Commander::prove(&services, &actor, id).await?;
    let viewer = actor.require_viewer(&services, id).await?;
    Ok(Debugged {
        name: devices::name(&services, &viewer).await?,
        messages: traffic::read(&services, &commander, &query).await?,
    })
}

/// What can be sent to a device that is debugged, and what was.
#[server(prefix = "/do", endpoint = "read_sendable", input = Json, output = Json)]
pub async fn read_sendable(id: DeviceId) -> Result<Sendable, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    let detail = devices::detail(&services, &viewer).await?;
    Ok(Sendable {
        values: forcible(&detail),
        components: detail.components,
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

/// Sends any command; it waits until the moment `until`, and where none is typed as long as `valid_for_s` says.
#[server(prefix = "/do", endpoint = "send_any")]
pub async fn send_any(
    id: DeviceId,
    name: String,
    #[server(default)] component: String,
    #[server(default)] arguments: String,
    valid_for_s: i64,
    #[server(default)] until: String,
    #[server(default)] until_ahead_min: String,
    #[server(default)] retries: String,
    #[server(default)] timeout_ms: String,
    #[server(default)] transient: Option<String>,
) -> Result<(), Failure> {
    let chosen_s = valid_for_s.to_string();
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
            valid_for_ms: until::wait_ms(services.now(), valid_for_s, &until, &until_ahead_min)?,
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
        ("valid_for_s", chosen_s.as_str()),
        ("until", until.as_str()),
        ("retries", retries.as_str()),
        ("timeout_ms", timeout_ms.as_str()),
        ("transient", transient.as_deref().unwrap_or_default()),
    ];
    answer(result.map(|_| ()), "send_any", &typed, None)
}

#[cfg(feature = "ssr")]
fn whole<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, AppError> {
    text.parse()
        .map_err(|_| AppError::invalid(field, "whole_number"))
}
