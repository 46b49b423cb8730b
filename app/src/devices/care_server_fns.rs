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
    service::{
        catalog::hardware,
        devices::{self, Amendment},
    },
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

/// Changes how often a device is to report, in seconds with up to three decimals.
#[server(prefix = "/do", endpoint = "set_report_interval")]
pub async fn set_report_interval(
    id: DeviceId,
    #[server(default)] report_interval: String,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        let wrong = || AppError::invalid("report_interval", "report_interval");
        let interval = milliseconds(report_interval.trim()).ok_or_else(wrong)?;
        let amendment = Amendment {
            report_interval_ms: Some(interval),
            ..Amendment::default()
        };
        let amended = devices::amend(&services, &owner, amendment).await;
        amended.map_err(|error| match error {
            // The page has it in seconds.
            AppError::Invalid { field, .. } if field == "report_interval_ms" => wrong(),
            error => error,
        })
    }
    .await;
    let typed = [("report_interval", report_interval.as_str())];
    answer(result, "set_report_interval", &typed, None)
}

/// Seconds with up to three decimals, in milliseconds; `None` where they are none.
#[cfg(feature = "ssr")]
fn milliseconds(seconds: &str) -> Option<i64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<3}").parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(part)
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

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::milliseconds;

    #[test]
    fn seconds_are_read_to_the_millisecond_and_nothing_else_is() {
        for (text, ms) in [
            ("10", 10_000),
            ("0.25", 250),
            ("1.5", 1_500),
            ("007.001", 7_001),
        ] {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "-0.5",
            "+5",
            "1e3",
            "1.2345",
            "1,5",
            "99999999999999999999",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
