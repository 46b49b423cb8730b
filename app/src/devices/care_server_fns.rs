//! What the pages of devices ask of the server about what a device is called, what it is made of, and its end.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    DeviceId,
    catalog::{HardwareVariant, HardwareVersion},
};
use leptos::prelude::*;

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{form::answer, request},
    domain::AppError,
    service::{catalog::hardware, devices},
};

/// Every model and every variant that a device may be of.
pub type Hardware = (Vec<HardwareVersion>, Vec<HardwareVariant>);

/// Every model and every variant that a device may be of; for administrators.
#[server(prefix = "/do", endpoint = "read_hardware", input = Json, output = Json)]
pub async fn read_hardware() -> Result<Hardware, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    actor.require_admin()?;
    let versions = hardware::versions(&services, &actor).await?;
    Ok((versions, hardware::variants(&services, &actor).await?))
}

/// Changes the site's name for a device.
#[server(prefix = "/do", endpoint = "rename_device")]
pub async fn rename_device(
    id: DeviceId,
    #[server(default)] site_name: String,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let renamed = devices::rename(&services, &owner, &site_name).await;
        renamed.map_err(|error| match error {
            // A page has the name of more than one thing.
            AppError::Invalid { field, message } if field == "name" => {
                AppError::invalid("site_name", message)
            }
            error => error,
        })
    }
    .await;
    answer(result, "rename_device", &[("site_name", &site_name)], None)
}

/// Deletes a device that was never claimed and never connected.
#[server(prefix = "/do", endpoint = "delete_device")]
pub async fn delete_device(id: DeviceId, sure: Option<String>) -> Result<(), Failure> {
    let result = async {
        sure.ok_or_else(|| AppError::invalid("sure", "sure"))?;
        let admin = request::actor()?.require_admin()?;
        devices::delete(&request::services()?, &admin, id).await
    }
    .await;
    answer(result, "delete_device", &[], Some("/devices"))
}
