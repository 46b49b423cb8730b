//! What the pages of jobs ask of the server.

#![allow(clippy::too_many_arguments, reason = "the fields of a form")]
#![expect(
    missing_docs,
    reason = "arguments become fields of a struct; the sentence stands on the function"
)]

use domain::{
    JobId, Page,
    job::{Job, JobState, Preview, Step, StepState, Target},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Failure, json::Json};

#[cfg(feature = "ssr")]
use {
    crate::{commands::until, form::answer, request},
    domain::{
        AppError, ComponentKey, DeviceId,
        component::Level,
        job::{NewJob, Pace},
    },
    service::jobs,
};

/// One page of jobs.
#[server(prefix = "/do", endpoint = "list_jobs", input = Json, output = Json)]
pub async fn list_jobs(
    search: String,
    state: Option<JobState>,
    page: u32,
) -> Result<Page<Job>, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    Ok(jobs::list(&services, &actor, &search, state, page, 50).await?)
}

/// A job and one page of its devices.
#[server(prefix = "/do", endpoint = "read_job", input = Json, output = Json)]
pub async fn read_job(
    id: JobId,
    states: Vec<StepState>,
    search: String,
    page: u32,
) -> Result<(Job, Page<Step>), Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let job = jobs::get(&services, &actor, id).await?;
    let steps = jobs::steps(&services, &actor, id, &states, &search, page, 50).await?;
    Ok((job, steps))
}

/// Who would be reached by what the form says.
#[server(prefix = "/do", endpoint = "preview_job", input = Json, output = Json)]
pub async fn preview_job(target: Target, told: Told) -> Result<Preview, Failure> {
    let (services, actor) = (request::services()?, request::actor()?);
    let (name, component) = told.command();
    let level = told.asks_for_level();
    // What is not a key yet is still being typed, and is refused when it is sent.
    let component: Option<ComponentKey> = component.parse().ok();
    let of = component.as_ref();
    let preview = jobs::preview(&services, &actor, &target, name, of, level).await?;
    let offered = preview.actuators.first();
    match offered.map(|actuator| actuator.component.clone()) {
        // The form offers it first.
        Some(first) if told.is_blank() => {
            Ok(jobs::preview(&services, &actor, &target, name, Some(&first), level).await?)
        }
        _ => Ok(preview),
    }
}

/// What a form says that the devices are told: an actuator of the list, or another command with its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    pub component: String,
    pub level: String,
    pub name: String,
    pub other_component: String,
}

impl Told {
    /// The command's name, and for which component; empty for the device itself.
    #[cfg(feature = "ssr")]
    fn command(&self) -> (&str, &str) {
        match self.name.trim() {
            "" => ("set", self.component.trim()),
            name => (name, self.other_component.trim()),
        }
    }

    /// Whether an actuator of the list is to be brought to a level.
    #[cfg(feature = "ssr")]
    fn asks_for_level(&self) -> bool {
        self.name.trim().is_empty() && !self.level.trim().is_empty()
    }

    /// Whether nothing was chosen yet.
    #[cfg(feature = "ssr")]
    fn is_blank(&self) -> bool {
        self.name.trim().is_empty() && self.component.is_empty()
    }
}

/// Makes a job, and goes on to its page. `devices` are ids with commas; without them `filter` chooses. An actuator is
/// brought to `level`, in percent, and where none is typed to `status`. It waits for them until the moment `until`, and
/// where none is typed as long as `valid_for_s` says.
#[server(prefix = "/do", endpoint = "make_job")]
#[allow(clippy::too_many_arguments, reason = "the fields of one form")]
pub async fn make_job(
    #[server(default)] devices: String,
    #[server(default)] filter: String,
    #[server(default)] title: String,
    #[server(default)] component: String,
    #[server(default)] status: String,
    #[server(default)] level: String,
    #[server(default)] name: String,
    #[server(default)] other_component: String,
    #[server(default)] arguments: String,
    valid_for_s: i64,
    #[server(default)] until: String,
    #[server(default)] until_ahead_min: String,
    concurrency: String,
    stagger_s: String,
    retries: String,
    #[server(default)] transient: Option<String>,
) -> Result<(), Failure> {
    let typed = [
        ("component", component.clone()),
        ("status", status.clone()),
        ("level", level.clone()),
        ("valid_for_s", valid_for_s.to_string()),
        ("until", until.clone()),
        ("transient", transient.clone().unwrap_or_default()),
        ("title", title.clone()),
        ("name", name.clone()),
        ("other_component", other_component.clone()),
        ("arguments", arguments.clone()),
        ("concurrency", concurrency.clone()),
        ("stagger_s", stagger_s.clone()),
        ("retries", retries.clone()),
    ];
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let target = match devices.as_str() {
            "" => Target::Filter(filter),
            ids => Target::Devices(
                ids.split(',')
                    .map(str::parse::<DeviceId>)
                    .collect::<Result<_, _>>()
                    .map_err(|_| AppError::invalid("target", "no_devices"))?,
            ),
        };
        let told = Told {
            component,
            level,
            name,
            other_component,
        };
        let level: Option<Level> = match told.asks_for_level() {
            true => Some(told.level.parse()?),
            false => None,
        };
        let arguments = match (told.name.trim(), arguments.trim()) {
            ("", _) if level.is_some() => serde_json::Value::Null,
            ("", _) => serde_json::json!({ "status": status }),
            (_, "") => serde_json::json!({}),
            (_, text) => serde_json::from_str(text)
                .map_err(|_| AppError::invalid("arguments", "json_object"))?,
        };
        let (name, component) = told.command();
        let component: Option<ComponentKey> = match component {
            "" => None,
            key => Some(
                key.parse()
                    .map_err(|_| AppError::invalid("other_component", "not_attached"))?,
            ),
        };
        let name = name.to_owned();
        let start = Pace::default();
        let pace = Pace {
            transient: transient.is_some(),
            concurrency: whole("concurrency", &concurrency)?,
            stagger_ms: whole::<i64>("stagger_s", &stagger_s)?.saturating_mul(1_000),
            valid_for_ms: until::wait_ms(services.now(), valid_for_s, &until, &until_ahead_min)?,
            retries: whole("retries", &retries)?,
            ..start
        };
        let new = NewJob {
            title,
            target,
            name,
            component,
            arguments,
            level,
            pace,
        };
        let made = jobs::create(&services, &actor, new).await;
        // The form asks for seconds.
        made.map_err(|error| match error {
            AppError::Invalid { field, message } if field == "stagger_ms" => {
                AppError::invalid("stagger_s", message)
            }
            other => other,
        })
    }
    .await;
    let next = result.as_ref().ok().map(|job| format!("/jobs/{}", job.id));
    let typed = typed
        .each_ref()
        .map(|(field, text)| (*field, text.as_str()));
    answer(result.map(|_| ()), "make_job", &typed, next.as_deref())
}

#[cfg(feature = "ssr")]
fn whole<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, AppError> {
    text.trim()
        .parse()
        .map_err(|_| AppError::invalid(field, "whole_number"))
}

/// Cancels those of a job that have not begun.
#[server(prefix = "/do", endpoint = "cancel_job")]
pub async fn cancel_job(id: JobId) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        jobs::cancel(&services, &actor, id).await
    }
    .await;
    answer(result.map(|_| ()), "cancel_job", &[], None)
}

/// Makes a job of those that ended in these states (names with commas), and goes on to its page.
#[server(prefix = "/do", endpoint = "retry_job")]
pub async fn retry_job(id: JobId, states: String) -> Result<(), Failure> {
    let result = async {
        let (services, actor) = (request::services()?, request::actor()?);
        let states = states.split(',').filter_map(StepState::parse).collect();
        jobs::retry(&services, &actor, id, states).await
    }
    .await;
    let next = result.as_ref().ok().map(|job| format!("/jobs/{}", job.id));
    answer(result.map(|_| ()), "retry_job", &[], next.as_deref())
}
