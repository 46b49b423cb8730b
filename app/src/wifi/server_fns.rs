//! What the page of a device's Wi-Fi network asks of the server.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId,
    command::Command,
    device::{DeviceSummary, SaidNetwork},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{form::answer, request},
    service::{commands::wifi, devices},
};

/// How many changes are shown.
#[cfg(feature = "ssr")]
const SHOWN: u64 = 20;

/// A device's Wi-Fi network: what the device says of it, and how it was moved from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wifi {
    /// The device.
    pub device: DeviceSummary,
    /// The network that it last said it is on.
    pub said: Option<SaidNetwork>,
    /// The last change that was done.
    pub done: Option<Command>,
    /// The latest changes, newest first.
    pub changes: Vec<Command>,
}

impl Wifi {
    /// The change that has not ended; the oldest of several.
    pub(super) fn under_way(&self) -> Option<&Command> {
        self.changes
            .iter()
            .rev()
            .find(|change| !change.state.is_final())
    }
}

/// A device's Wi-Fi network, for who may change it.
#[server(prefix = "/do", endpoint = "read_wifi", input = Json, output = Json)]
pub async fn read_wifi(id: DeviceId) -> Result<Wifi, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    actor.require_owner(&services, id).await?;
    let viewer = actor.require_viewer(&services, id).await?;
    let changes = wifi::changes(&services, &viewer, SHOWN).await?;
    let detail = devices::detail(&services, &viewer).await?;
    Ok(Wifi {
        device: detail.summary,
        said: detail.network,
        done: changes.done,
        changes: changes.latest,
    })
}

/// Moves a device to another Wi-Fi network; `hidden` and `wpa3` are said by being there.
#[server(prefix = "/do", endpoint = "change_wifi")]
pub async fn change_wifi(
    id: DeviceId,
    #[server(default)] ssid: String,
    #[server(default)] password: String,
    #[server(default)] hidden: Option<String>,
    #[server(default)] wpa3: Option<String>,
) -> Result<(), Failure> {
    let ticked = |box_: &Option<String>| if box_.is_some() { "true" } else { "" };
    let typed = [
        ("ssid", ssid.clone()),
        ("hidden", ticked(&hidden).to_owned()),
        ("wpa3", ticked(&wpa3).to_owned()),
    ];
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let network = wifi::network(ssid, Some(password), hidden.is_some(), wpa3.is_some())?;
        wifi::change(&services, &owner, &network).await
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result.map(|_| ()), "change_wifi", &typed, None)
}
