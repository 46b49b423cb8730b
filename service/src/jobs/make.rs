//! A job from a wish: looked at first, then fixed with its devices in one transaction.

use domain::{
    AppError, ComponentKey, DeviceId, JobId,
    command::{CommandOptions, NewCommand},
    component::{LEVEL, Level},
    device::Presence,
    job::{Job, JobState, NewJob, Pace, Preview, StepState, Target},
};
use entity::{job, job_device};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, TransactionTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{read, targets, targets::NO_LEVEL};
use crate::{Actor, Services, apart::commit_then, audit, commands, internal, names};

const MOST_AT_A_TIME: u32 = 1_000;
const LONGEST_STAGGER_MS: i64 = 3_600_000;
const MAX_TITLE: usize = 120;
/// Rows in one statement.
const ROWS: usize = 500;
/// Names of devices that are away, in a preview.
const NAMES: usize = 10;

/// Who would be reached now, and who not; `level` where the component is to be brought to one.
pub async fn preview(
    services: &Services,
    actor: &Actor,
    target: &Target,
    command: &str,
    component: Option<&ComponentKey>,
    level: bool,
) -> Result<Preview, AppError> {
    let mut chosen = targets::chosen(services, actor, target).await?;
    let actuators = targets::common_actuators(services, &chosen).await?;
    if let Some(component) = component {
        targets::with_component(services, &mut chosen, component, command, level).await?;
    }
    let mut preview = Preview {
        total: u32::try_from(chosen.len()).unwrap_or(u32::MAX),
        actuators,
        ..Preview::default()
    };
    for device in chosen {
        let count = match (device.left_out, device.presence) {
            (Some("not_allowed"), _) => &mut preview.not_allowed,
            (Some("device_not_claimed"), _) => &mut preview.not_claimed,
            (Some(NO_LEVEL), _) => &mut preview.no_level,
            (Some(_), _) => &mut preview.not_attached,
            (None, Presence::Online) => &mut preview.online,
            (None, Presence::Timeout) => &mut preview.timeout,
            (None, Presence::Offline) => &mut preview.offline,
        };
        *count += 1;
        let away = device.left_out.is_none() && device.presence != Presence::Online;
        if away && preview.away.len() < NAMES {
            preview.away.push(device.name);
        }
    }
    Ok(preview)
}

/// Makes a job; it begins at once.
pub async fn create(services: &Services, actor: &Actor, new: NewJob) -> Result<Job, AppError> {
    let parent = match &new.target {
        Target::Retry { job, .. } => Some(*job),
        _ => None,
    };
    let arguments = check(&new)?;
    let mut chosen = targets::chosen(services, actor, &new.target).await?;
    if let Some(component) = &new.component {
        let level = new.level.is_some();
        targets::with_component(services, &mut chosen, component, &new.name, level).await?;
    }
    if chosen.iter().all(|device| device.left_out.is_some()) {
        let only_switched = chosen
            .iter()
            .any(|device| device.left_out == Some(NO_LEVEL));
        return Err(match only_switched {
            true => AppError::invalid(LEVEL, NO_LEVEL),
            false => AppError::conflict("nobody_reached"),
        });
    }
    let now = services.now();
    let id = Uuid::now_v7();
    let title = match new.title.trim() {
        "" => words(&new, &arguments),
        title => {
            let title: String = title.chars().take(MAX_TITLE).collect();
            names::checked("title", &title, MAX_TITLE)?
        }
    };
    let row = job::ActiveModel {
        id: Set(id),
        title: Set(title.clone()),
        created_by: Set(Some(actor.user.id.0)),
        created_ms: Set(now.0),
        state: Set(JobState::Running.as_str().to_owned()),
        name: Set(new.name.clone()),
        component_key: Set(new.component.as_ref().map(ToString::to_string)),
        arguments: Set(arguments),
        transient: Set(new.pace.transient),
        target: Set(serde_json::to_value(&new.target).map_err(internal)?),
        total: Set(i32::try_from(chosen.len()).map_err(internal)?),
        concurrency: Set(i32::try_from(new.pace.concurrency).map_err(internal)?),
        stagger_ms: Set(new.pace.stagger_ms),
        expires_ms: Set(now.plus_ms(new.pace.valid_for_ms).0),
        timeout_ms: Set(new.pace.timeout_ms),
        retries: Set(new.pace.retries.into()),
        retry_wait_ms: Set(new.pace.retry_wait_ms),
        parent_id: Set(parent.map(|job| job.0)),
        finished_ms: Set(None),
    };
    let steps: Vec<job_device::ActiveModel> = (0..)
        .zip(&chosen)
        .map(|(position, device)| {
            let state = match device.left_out {
                Some(_) => StepState::Skipped,
                None => StepState::Waiting,
            };
            job_device::ActiveModel {
                job_id: Set(id),
                device_id: Set(device.id),
                position: Set(position),
                ownership: Set(device.ownership),
                state: Set(state.as_str().to_owned()),
                reason: Set(device.left_out.map(ToOwned::to_owned)),
                progress: Set(None),
                output: Set(None),
                command_id: Set(None),
                started_ms: Set(None),
                finished_ms: Set(device.left_out.map(|_| now.0)),
            }
        })
        .collect();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = row.insert(&transaction).await.map_err(internal)?;
    for part in steps.chunks(ROWS) {
        job_device::Entity::insert_many(part.to_vec())
            .exec_without_returning(&transaction)
            .await
            .map_err(internal)?;
    }
    audit::record(
        services,
        &transaction,
        actor,
        "jobs.create",
        Some(JobId(id).to_string()),
        json!({ "title": title, "name": new.name, "component": new.component, "devices": chosen.len() }),
    )
    .await?;
    let own = services.clone();
    commit_then(transaction, async move { super::tell(&own, &row).await }).await?;
    read::get(services, actor, JobId(id)).await
}

/// Makes a job of the devices of another that ended in these states, with the same instruction.
pub async fn retry(
    services: &Services,
    actor: &Actor,
    job: JobId,
    states: Vec<StepState>,
) -> Result<Job, AppError> {
    let first = read::get(services, actor, job).await?;
    let level = level_of(&first.name, &first.arguments);
    let new = NewJob {
        title: first.title,
        target: Target::Retry { job, states },
        name: first.name,
        component: first.component,
        arguments: match level {
            Some(_) => Value::Null,
            None => first.arguments,
        },
        level,
        pace: first.pace,
    };
    create(services, actor, new).await
}

/// Checks a wish; gives its arguments as an object.
fn check(new: &NewJob) -> Result<Value, AppError> {
    let Pace {
        concurrency,
        stagger_ms,
        timeout_ms,
        ..
    } = new.pace;
    if !(1..=MOST_AT_A_TIME).contains(&concurrency) {
        return Err(AppError::invalid("concurrency", "one_to_1000"));
    }
    if !(0..=LONGEST_STAGGER_MS).contains(&stagger_ms) {
        return Err(AppError::invalid("stagger_ms", "at_most_an_hour"));
    }
    let arguments = arguments(new)?;
    let command = NewCommand {
        name: new.name.clone(),
        component: new.component.clone(),
        arguments: arguments.clone(),
        valid_for_ms: new.pace.valid_for_ms,
        options: CommandOptions {
            transient: new.pace.transient,
            retries: new.pace.retries,
            retry_wait_ms: new.pace.retry_wait_ms,
            timeout_ms: Some(timeout_ms),
        },
    };
    commands::check_form(&command, DeviceId(Uuid::nil()))?;
    // A job is shown with its arguments, and kept.
    if new.name == protocol::WIFI_CHANGE {
        return Err(AppError::invalid("name", "not_in_a_job"));
    }
    commands::check_options(&command.options)?;
    Ok(arguments)
}

/// The arguments of its command: those that were given, or its level.
fn arguments(new: &NewJob) -> Result<Value, AppError> {
    let Some(level) = new.level else {
        return Ok(match &new.arguments {
            Value::Null => json!({}),
            arguments => arguments.clone(),
        });
    };
    if new.name != "set" {
        return Err(AppError::invalid(LEVEL, "only_with_set"));
    }
    if !new.arguments.is_null() {
        return Err(AppError::invalid(LEVEL, "one_of_two"));
    }
    Ok(json!({ LEVEL: level.percent() }))
}

/// A command in its own words: `led ON`, `fan → 40 %`, `restart`.
fn words(new: &NewJob, arguments: &Value) -> String {
    if let (Some(component), Some(level)) = (&new.component, new.level) {
        return format!("{component} → {} %", level.percent());
    }
    let status = arguments.get("status").and_then(Value::as_str);
    match (&new.component, status) {
        (Some(component), Some(status)) => format!("{component} {status}"),
        (Some(component), None) => format!("{} {component}", new.name),
        (None, _) => new.name.clone(),
    }
}

/// The level that a command asks for, where it asks for nothing else: devices without levels are left out again.
fn level_of(name: &str, arguments: &Value) -> Option<Level> {
    let arguments = arguments.as_object();
    let arguments = arguments.filter(|all| name == "set" && all.len() == 1)?;
    Level::try_from(arguments.get(LEVEL)?.as_i64()?).ok()
}
