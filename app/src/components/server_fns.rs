//! What the components of a device's page ask of the server.

#![allow(clippy::too_many_arguments, reason = "the fields of a form")]
#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId,
    catalog::{AttachedComponent, PinHeader},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{
        catalog::wired,
        form::{answer, answer_with},
        request,
    },
    domain::AppError,
    service::components::{self, Wish},
};

/// What is attached to a device and what may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// What is attached, in the order of attaching.
    pub attached: Vec<AttachedComponent>,
    /// The pins that the device has.
    pub header: PinHeader,
    /// Type, Korean and English name of what its hardware allows.
    pub kinds: Vec<(String, String, String)>,
}

/// What is attached to a device and what may be.
#[server(prefix = "/do", endpoint = "read_components", input = Json, output = Json)]
pub async fn read_components(id: DeviceId) -> Result<Fitted, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    let (header, kinds) = components::attachable(&services, &viewer).await?;
    Ok(Fitted {
        attached: components::list(&services, &viewer).await?,
        header,
        kinds: kinds
            .into_iter()
            .map(|kind| {
                (
                    kind.component_type.to_string(),
                    kind.display_name_ko,
                    kind.display_name_en,
                )
            })
            .collect(),
    })
}

/// Attaches a component, or changes the one that is named.
#[server(prefix = "/do", endpoint = "put_component")]
#[allow(clippy::too_many_arguments)]
pub async fn put_component(
    id: DeviceId,
    #[server(default)] component_id: String,
    component_type: String,
    #[server(default)] name: String,
    #[server(default)] pin_number: String,
    #[server(default)] pin_mode: String,
    #[server(default)] default_state: String,
    #[server(default)] address: String,
) -> Result<(), Failure> {
    let typed = [
        ("component_id", component_id.clone()),
        ("component_type", component_type.clone()),
        ("name", name.clone()),
        ("pin_number", pin_number.clone()),
        ("pin_mode", pin_mode.clone()),
        ("default_state", default_state.clone()),
        ("address", address.clone()),
    ];
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let wish = Wish {
            component_type: wired::component_type(&component_type)?,
            name: Some(name),
            pin_number: wired::pin_number(&pin_number)?,
            pin_mode: wired::pin_mode(&pin_mode)?,
            default_state: wired::default_state(&default_state)?,
            address: Some(address).filter(|address| !address.trim().is_empty()),
        };
        match component_id.as_str() {
            "" => components::attach(&services, &owner, wish)
                .await
                .map(|_| ()),
            known => {
                let known = known.parse().map_err(|_| AppError::NotFound)?;
                components::change(&services, &owner, known, wish).await
            }
        }
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result, "put_component", &typed, None)
}

/// What was detached, and can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detached {
    /// Its id.
    pub component_id: i64,
    /// Its key.
    pub key: String,
}

/// Detaches a component.
#[server(prefix = "/do", endpoint = "detach_component")]
pub async fn detach_component(
    id: DeviceId,
    component_id: i64,
    key: String,
) -> Result<Option<Detached>, Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        components::detach(&services, &owner, component_id).await?;
        Ok(Detached { component_id, key })
    }
    .await;
    answer_with(result, "detach_component", &[])
}

/// Brings a detached component back under its key.
#[server(prefix = "/do", endpoint = "reattach_component")]
pub async fn reattach_component(id: DeviceId, component_id: i64) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        components::reattach(&services, &owner, component_id).await
    }
    .await;
    answer(result, "reattach_component", &[], None)
}
