//! What the pages of devices ask of the server.

#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    CommandId, DeviceId, Page,
    command::Command,
    device::{DeviceDetail, DeviceSummary, PresenceCounts},
    event::DeviceEvent,
    finding::Trouble,
    job::Job,
    telemetry::{Series, SeriesQuery},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::label::Label;
use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{
        form::{answer, answer_with},
        request,
    },
    domain::{
        AppError, ComponentKey,
        command::NewCommand,
        device::{DeviceKind, DeviceQuery, Lifecycle},
        job::JobState,
    },
    service::{commands, devices, devices::NewDevice, jobs, telemetry},
};

/// How long a command of a page waits for its device, in milliseconds.
#[cfg(feature = "ssr")]
const COMMAND_MS: i64 = 60_000;
/// As many running jobs are named on the overview.
#[cfg(feature = "ssr")]
const JOBS_SHOWN: usize = 3;

/// What the overview begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// How many devices there are of each status.
    pub counts: PresenceCounts,
    /// Those that are not there or in trouble, the worst first, and what is wrong with each.
    pub worst: Vec<(DeviceSummary, Vec<Trouble>)>,
}

/// What the overview begins with.
#[server(prefix = "/do", endpoint = "read_overview", input = Json, output = Json)]
pub async fn read_overview() -> Result<Overview, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(Overview {
        counts: devices::counts(&services, &actor).await?,
        worst: worst(&services, &actor).await?,
    })
}

/// The latest of the jobs that are under way, and how many there are in all.
#[server(prefix = "/do", endpoint = "read_running_jobs", input = Json, output = Json)]
pub async fn read_running_jobs() -> Result<Page<Job>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let mut jobs = jobs::list(&services, &actor, "", Some(JobState::Running), 1, 10).await?;
    jobs.items.truncate(JOBS_SHOWN);
    Ok(jobs)
}

/// The latest events of all devices: the device, its name, what happened.
#[server(prefix = "/do", endpoint = "read_latest_events", input = Json, output = Json)]
pub async fn read_latest_events() -> Result<Vec<(DeviceId, String, DeviceEvent)>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(devices::latest_events(&services, &actor, 12).await?)
}

/// All that the overview shows, read at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// What it begins with.
    pub overview: Overview,
    /// The latest of the jobs that are under way, and how many there are in all.
    pub jobs: Page<Job>,
    /// The latest events of all devices: the device, its name, what happened.
    pub events: Vec<(DeviceId, String, DeviceEvent)>,
}

/// All that the overview shows: what a change of the site asks for, once.
#[server(prefix = "/do", endpoint = "read_site", input = Json, output = Json)]
pub async fn read_site() -> Result<Site, Failure> {
    Ok(Site {
        overview: read_overview().await?,
        jobs: read_running_jobs().await?,
        events: read_latest_events().await?,
    })
}

/// The devices that are not there, and those that are in trouble: asked apart, so that many that are absent leave
/// room for the others.
#[cfg(feature = "ssr")]
async fn worst(
    services: &service::Services,
    actor: &service::Actor,
) -> Result<Vec<(DeviceSummary, Vec<Trouble>)>, AppError> {
    let absent = DeviceQuery {
        presence: vec![
            domain::device::Presence::Timeout,
            domain::device::Presence::Offline,
        ],
        page_size: 10,
        ..DeviceQuery::default()
    };
    let troubled = DeviceQuery {
        search: "is:identity,flapping,clock".to_owned(),
        page_size: 10,
        ..DeviceQuery::default()
    };
    let mut worst = devices::list(services, actor, &absent).await?.items;
    for device in devices::list(services, actor, &troubled).await?.items {
        if worst.iter().all(|known| known.id != device.id) {
            worst.push(device);
        }
    }
    let ids: Vec<DeviceId> = worst.iter().map(|device| device.id).collect();
    let extras = devices::extras(services, actor, &ids, &[]).await?;
    let troubles = extras.into_iter().map(|extra| extra.troubles);
    Ok(worst.into_iter().zip(troubles).collect())
}

/// What a device is and how it stands.
#[server(prefix = "/do", endpoint = "read_device", input = Json, output = Json)]
pub async fn read_device(id: DeviceId) -> Result<DeviceDetail, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    Ok(devices::detail(&services, &viewer).await?)
}

/// What a device was told and did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Some of its commands, newest first.
    pub commands: Vec<Command>,
    /// Whether there are older ones.
    pub more_commands: bool,
    /// Some of what happened to it, newest first.
    pub events: Vec<DeviceEvent>,
    /// Whether older things have happened.
    pub more_events: bool,
}

/// What a device was told and did: the latest, or what was before this command and this event.
#[server(prefix = "/do", endpoint = "read_record", input = Json, output = Json)]
pub async fn read_record(
    id: DeviceId,
    commands_before: Option<CommandId>,
    events_before: Option<i64>,
) -> Result<Record, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    // One more than is shown says whether there are more.
    let told = commands::list(&services, &viewer, commands_before, 11).await;
    let mut commands = match told {
        // A mark that is not known any more is none: the page begins with the newest.
        Err(AppError::NotFound) if commands_before.is_some() => {
            commands::list(&services, &viewer, None, 11).await?
        }
        told => told?,
    };
    let mut events = devices::events(&services, &viewer, events_before, 21).await?;
    let (more_commands, more_events) = (commands.len() > 10, events.len() > 20);
    commands.truncate(10);
    events.truncate(20);
    Ok(Record {
        commands,
        more_commands,
        events,
        more_events,
    })
}

/// The history of one component, for a chart.
#[server(prefix = "/do", endpoint = "read_series", input = Json, output = Json)]
pub async fn read_series(id: DeviceId, query: SeriesQuery) -> Result<Vec<Series>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let viewer = actor.require_viewer(&services, id).await?;
    Ok(telemetry::series(&services, &viewer, &query).await?)
}

/// Sends an actuator's new state: a `status`, or without one a `level` in percent.
#[server(prefix = "/do", endpoint = "set_component")]
pub async fn set_component(
    id: DeviceId,
    component: String,
    #[server(default)] status: String,
    #[server(default)] level: String,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = commands::Commander::prove(&services, &actor, id).await?;
        let key: ComponentKey = component
            .parse()
            .map_err(|_| AppError::invalid("component", "invalid"))?;
        if status.is_empty() {
            let level = level.trim().parse::<u8>();
            let level = level.map_err(|_| AppError::invalid("level", "level"))?;
            return commands::set_level(&services, &commander, key, level, COMMAND_MS).await;
        }
        let command = NewCommand {
            name: "set".to_owned(),
            component: Some(key),
            arguments: serde_json::json!({ "status": status }),
            valid_for_ms: COMMAND_MS,
            options: domain::command::CommandOptions::default(),
        };
        commands::send(&services, &commander, command).await
    }
    .await;
    let typed = [("component", component.as_str()), ("level", level.as_str())];
    answer(result.map(|_| ()), "set_component", &typed, None)
}

/// Takes a command back that has not been delivered.
#[server(prefix = "/do", endpoint = "cancel_command")]
pub async fn cancel_command(id: DeviceId, command: CommandId) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let commander = commands::Commander::prove(&services, &actor, id).await?;
        commands::cancel(&services, &commander, command).await
    }
    .await;
    answer(result.map(|_| ()), "cancel_command", &[], None)
}

/// Sets or clears one's own name for a device.
#[server(prefix = "/do", endpoint = "set_nickname")]
pub async fn set_nickname(
    id: DeviceId,
    #[server(default)] nickname: String,
) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let viewer = actor.require_viewer(&services, id).await?;
        devices::set_nickname(&services, &viewer, &nickname).await
    }
    .await;
    answer(result, "set_nickname", &[("nickname", &nickname)], None)
}

/// Gives a device up.
#[server(prefix = "/do", endpoint = "unlink_device")]
pub async fn unlink_device(id: DeviceId, sure: Option<String>) -> Result<(), Failure> {
    let result = async {
        sure.ok_or_else(|| AppError::invalid("sure", "sure"))?;
        let (services, actor) = (request::services()?, request::actor()?);
        let owner = actor.require_owner(&services, id).await?;
        devices::unlink(&services, &owner).await
    }
    .await;
    answer(result, "unlink_device", &[], Some("/devices"))
}

/// Sets how many days a device's reports are kept; empty lets the site's own days apply.
#[server(prefix = "/do", endpoint = "keep_reports")]
pub async fn keep_reports(
    id: DeviceId,
    #[server(default)] keep_reports_days: String,
) -> Result<(), Failure> {
    let result = async {
        let days = match keep_reports_days.trim() {
            "" => None,
            days => Some(
                days.parse()
                    .map_err(|_| AppError::invalid("keep_reports_days", "days"))?,
            ),
        };
        let admin = request::actor()?.require_admin()?;
        telemetry::keep_reports(&request::services()?, &admin, id, days).await
    }
    .await;
    let typed = [("keep_reports_days", keep_reports_days.as_str())];
    answer(result, "keep_reports", &typed, None)
}

/// Revokes a device.
#[server(prefix = "/do", endpoint = "revoke_device")]
pub async fn revoke_device(id: DeviceId, sure: Option<String>) -> Result<(), Failure> {
    let result = async {
        sure.ok_or_else(|| AppError::invalid("sure", "sure"))?;
        let admin = request::actor()?.require_admin()?;
        devices::revoke(&request::services()?, &admin, id).await
    }
    .await;
    answer(result, "revoke_device", &[], None)
}

/// Pre-registers a device; its code is shown once.
#[server(prefix = "/do", endpoint = "preregister_device")]
pub async fn preregister_device(
    cpu_serial: String,
    #[server(default)] name: String,
    kind: String,
    #[server(default)] hardware_version: String,
    #[server(default)] hardware_variant: String,
    #[server(default)] components: String,
    #[server(default)] uuid: String,
) -> Result<Option<Label>, Failure> {
    let typed = [
        ("cpu_serial", cpu_serial.clone()),
        ("name", name.clone()),
        ("kind", kind.clone()),
        ("hardware_version", hardware_version.clone()),
        ("hardware_variant", hardware_variant.clone()),
        ("components", components.clone()),
        ("uuid", uuid.clone()),
    ];
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let kind = DeviceKind::parse(&kind).ok_or_else(|| AppError::invalid("kind", "invalid"))?;
        let or = |text: String, other: &str| match text.trim() {
            "" => other.to_owned(),
            text => text.to_owned(),
        };
        let version = match kind {
            DeviceKind::Board => "5",
            DeviceKind::Computer => "pc",
        };
        let components = components
            .split([',', ' '])
            .filter(|word| !word.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| AppError::invalid("components", "unknown_component_type"))?;
        let uuid = match uuid.trim() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| AppError::invalid("uuid", "uuid"))?,
            ),
        };
        let device = NewDevice {
            cpu_serial,
            uuid,
            kind,
            hardware_version: or(hardware_version, version),
            hardware_variant: or(hardware_variant, "Standard"),
            name: Some(name),
            components,
        };
        let made = devices::preregister(&request::services()?, &admin, device).await;
        Ok(Label::of(&made.map_err(beside_its_field)?))
    }
    .await;
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer_with(result, "preregister_device", &typed)
}

/// What is known already is said beside the field that it was typed into.
#[cfg(feature = "ssr")]
fn beside_its_field(error: AppError) -> AppError {
    match error {
        AppError::Conflict { message } if message == "serial_known" => {
            AppError::invalid("cpu_serial", message)
        }
        AppError::Conflict { message } if message == "uuid_known" => {
            AppError::invalid("uuid", message)
        }
        error => error,
    }
}

/// Makes a new code for a device that waits, or that was revoked; the old one is void.
#[server(prefix = "/do", endpoint = "renew_code")]
pub async fn renew_code(id: DeviceId) -> Result<Option<Label>, Failure> {
    let result = async {
        let admin = request::actor()?.require_admin()?;
        let made = devices::renew_code(&request::services()?, &admin, id).await?;
        Ok(Label::of(&made))
    }
    .await;
    answer_with(result, "renew_code", &[])
}

/// One page of the devices that wait to be claimed, newest first: those that a search finds.
#[server(prefix = "/do", endpoint = "list_waiting", input = Json, output = Json)]
pub async fn list_waiting(search: String, page: u32) -> Result<Page<DeviceSummary>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    actor.require_admin()?;
    let query = DeviceQuery {
        lifecycle: vec![Lifecycle::Unclaimed],
        sort: domain::device::DeviceSort::Created,
        search,
        page,
        ..DeviceQuery::default()
    };
    Ok(devices::list_within(&services, &actor, &query).await?)
}

/// Makes oneself the owner of a device, and goes on to its page.
#[server(prefix = "/do", endpoint = "claim_device")]
pub async fn claim_device(cpu_serial: String, code: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        devices::claim(&services, &actor, &cpu_serial, &code).await
    }
    .await;
    let next = result.as_ref().ok().map(|id| format!("/devices/{id}"));
    let typed = [("cpu_serial", cpu_serial.as_str()), ("code", code.as_str())];
    answer(result.map(|_| ()), "claim_device", &typed, next.as_deref())
}
