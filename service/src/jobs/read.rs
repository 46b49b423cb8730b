//! Jobs as a person follows them: their own, and all of them for who sees every device.

use std::collections::HashMap;

use domain::{
    AppError, ComponentKey, DeviceId, JobId, Page, TimestampMs, UserId,
    device::Presence,
    job::{Job, JobState, Pace, Step, StepCounts, StepState},
};
use entity::{command, device, device_access, job, job_device, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait as _, IntoCondition as _},
};
use uuid::Uuid;

use crate::{
    Actor, Services,
    catalog::{is_like, patterns},
    internal,
};

/// Most words that are looked for.
const MOST_WORDS: usize = 8;

/// A job that the actor may see; another is not found.
pub(super) async fn visible(
    services: &Services,
    actor: &Actor,
    id: JobId,
) -> Result<job::Model, AppError> {
    job::Entity::find_by_id(id.0)
        .filter(visible_to(actor))
        .one(&services.db.read)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)
}

fn visible_to(actor: &Actor) -> Condition {
    match actor.user.role.sees_all_devices() {
        true => Condition::all(),
        false => Condition::all().add(job::Column::CreatedBy.eq(actor.user.id.0)),
    }
}

/// One job as it stands.
pub async fn get(services: &Services, actor: &Actor, id: JobId) -> Result<Job, AppError> {
    let row = visible(services, actor, id).await?;
    let mut all = complete(services, vec![row]).await?;
    all.pop().ok_or(AppError::NotFound)
}

/// A page of jobs, newest first, with these words in their titles and in this state where given.
pub async fn list(
    services: &Services,
    actor: &Actor,
    search: &str,
    state: Option<JobState>,
    page: u32,
    page_size: u32,
) -> Result<Page<Job>, AppError> {
    let (page, page_size) = (Ord::max(page, 1), page_size.clamp(10, 200));
    let mut filter = visible_to(actor);
    if let Some(state) = state {
        filter = filter.add(job::Column::State.eq(state.as_str()));
    }
    for pattern in patterns(search).take(MOST_WORDS) {
        filter = filter.add(is_like((job::Entity, job::Column::Title), &pattern));
    }
    let total = job::Entity::find()
        .filter(filter.clone())
        .count(&services.db.read)
        .await
        .map_err(internal)?;
    let rows = job::Entity::find()
        .filter(filter)
        .order_by_desc(job::Column::CreatedMs)
        .order_by_desc(job::Column::Id)
        .offset(u64::from(page - 1) * u64::from(page_size))
        .limit(u64::from(page_size))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    Ok(Page {
        items: complete(services, rows).await?,
        total,
        page,
        page_size,
    })
}

#[derive(Debug, FromQueryResult)]
struct Row {
    uuid: Uuid,
    name: String,
    nickname: Option<String>,
    presence: String,
    role: Option<String>,
    state: String,
    reason: Option<String>,
    progress: Option<i16>,
    output: Option<serde_json::Value>,
    attempt: Option<i32>,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
}

/// A page of a job's devices in the job's order, those in one of `states` where any are given.
///
/// Of a device that the actor does not see any more nothing is said but where it stands in the job, and it is found by
/// none of its names.
pub async fn steps(
    services: &Services,
    actor: &Actor,
    id: JobId,
    states: &[StepState],
    search: &str,
    page: u32,
    page_size: u32,
) -> Result<Page<Step>, AppError> {
    visible(services, actor, id).await?;
    let (page, page_size) = (Ord::max(page, 1), page_size.clamp(10, 200));
    let sees_all = actor.user.role.sees_all_devices();
    let mut filter = Condition::all().add(job_device::Column::JobId.eq(id.0));
    if !states.is_empty() {
        let names = states.iter().map(|state| state.as_str());
        filter = filter.add(job_device::Column::State.is_in(names));
    }
    let nickname = (device_access::Entity, device_access::Column::Nickname);
    for pattern in patterns(search).take(MOST_WORDS) {
        filter = filter.add(
            Condition::any()
                .add(is_like(nickname, &pattern))
                .add(device::Column::NameKey.like(pattern)),
        );
        if !sees_all {
            filter = filter.add(device_access::Column::Role.is_not_null());
        }
    }
    let person = actor.user.id.0;
    let to_device = job_device::Entity::belongs_to(device::Entity)
        .from(job_device::Column::DeviceId)
        .to(device::Column::Id);
    let to_command = job_device::Entity::belongs_to(command::Entity)
        .from(job_device::Column::CommandId)
        .to(command::Column::Id);
    let to_own = job_device::Entity::belongs_to(device_access::Entity)
        .from(job_device::Column::DeviceId)
        .to(device_access::Column::DeviceId)
        .on_condition(move |_, access| {
            Expr::col((access, device_access::Column::UserId))
                .eq(person)
                .into_condition()
        });
    let found = job_device::Entity::find()
        .join(JoinType::InnerJoin, to_device.into())
        .join(JoinType::LeftJoin, to_own.into())
        .join(JoinType::LeftJoin, to_command.into())
        .filter(filter);
    let total = found
        .clone()
        .count(&services.db.read)
        .await
        .map_err(internal)?;
    let rows = found
        .select_only()
        .column(device::Column::Uuid)
        .column(device::Column::Name)
        .column(device::Column::Presence)
        .columns([device_access::Column::Nickname, device_access::Column::Role])
        .columns([
            job_device::Column::State,
            job_device::Column::Reason,
            job_device::Column::Progress,
            job_device::Column::Output,
            job_device::Column::StartedMs,
            job_device::Column::FinishedMs,
        ])
        .column(command::Column::Attempt)
        .order_by_asc(job_device::Column::Position)
        .offset(u64::from(page - 1) * u64::from(page_size))
        .limit(u64::from(page_size))
        .into_model::<Row>()
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    let items = rows
        .into_iter()
        .map(|row| step(row, sees_all))
        .collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        total,
        page,
        page_size,
    })
}

fn step(row: Row, sees_all: bool) -> Result<Step, AppError> {
    let visible = sees_all || row.role.is_some();
    let state = StepState::parse(&row.state)
        .ok_or_else(|| internal(format!("a device of a job is in state {}", row.state)))?;
    Ok(Step {
        device: DeviceId(row.uuid),
        visible,
        device_name: match visible {
            true => row.nickname.unwrap_or(row.name),
            false => String::new(),
        },
        presence: Presence::parse(&row.presence)
            .filter(|_| visible)
            .unwrap_or(Presence::Offline),
        state,
        // Why it was left out is the server's word, and about the person.
        reason: row
            .reason
            .filter(|_| visible || state == StepState::Skipped),
        progress: row.progress.and_then(|p| u8::try_from(p).ok()),
        output: row.output.filter(|_| visible),
        attempt: row.attempt.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        started_at: row.started_ms.map(TimestampMs),
        finished_at: row.finished_ms.map(TimestampMs),
    })
}

/// How many devices of these jobs are in each state.
pub(super) async fn counts<C: ConnectionTrait>(
    connection: &C,
    jobs: &[Uuid],
) -> Result<HashMap<Uuid, StepCounts>, AppError> {
    let groups: Vec<(Uuid, String, i64)> = job_device::Entity::find()
        .select_only()
        .column(job_device::Column::JobId)
        .column(job_device::Column::State)
        .column_as(job_device::Column::DeviceId.count(), "devices")
        .filter(job_device::Column::JobId.is_in(jobs.iter().copied()))
        .group_by(job_device::Column::JobId)
        .group_by(job_device::Column::State)
        .into_tuple()
        .all(connection)
        .await
        .map_err(internal)?;
    let mut counts: HashMap<Uuid, StepCounts> = HashMap::new();
    for (job, state, devices) in groups {
        if let Some(state) = StepState::parse(&state) {
            *counts.entry(job).or_default().of_mut(state) = u32::try_from(devices).unwrap_or(0);
        }
    }
    Ok(counts)
}

async fn complete(services: &Services, rows: Vec<job::Model>) -> Result<Vec<Job>, AppError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let counts = counts(&services.db.read, &ids).await?;
    let people: HashMap<Uuid, String> = user::Entity::find()
        .filter(user::Column::Id.is_in(rows.iter().filter_map(|row| row.created_by)))
        .all(&services.db.read)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|user| (user.id, user.name))
        .collect();
    rows.into_iter()
        .map(|row| {
            let counts = counts.get(&row.id).copied().unwrap_or_default();
            let by = row.created_by.and_then(|id| people.get(&id).cloned());
            convert(row, by.unwrap_or_default(), counts)
        })
        .collect()
}

fn convert(row: job::Model, by: String, counts: StepCounts) -> Result<Job, AppError> {
    let component: Option<ComponentKey> = row
        .component_key
        .as_ref()
        .map(|key| key.parse())
        .transpose()
        .map_err(internal)?;
    Ok(Job {
        state: super::state(&row)?,
        id: JobId(row.id),
        created_by: row.created_by.map(UserId),
        created_by_name: by,
        created_at: TimestampMs(row.created_ms),
        component,
        expires_at: TimestampMs(row.expires_ms),
        finished_at: row.finished_ms.map(TimestampMs),
        pace: Pace {
            transient: row.transient,
            concurrency: u32::try_from(row.concurrency).unwrap_or(1),
            stagger_ms: row.stagger_ms,
            valid_for_ms: row.expires_ms - row.created_ms,
            timeout_ms: row.timeout_ms,
            retries: u8::try_from(row.retries).unwrap_or(0),
            retry_wait_ms: row.retry_wait_ms,
        },
        parent: row.parent_id.map(JobId),
        title: row.title,
        name: row.name,
        arguments: row.arguments,
        counts,
    })
}
