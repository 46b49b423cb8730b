//! The one task that moves all jobs: lets devices begin, follows their commands, ends what ran out.
//!
//! What it keeps in memory is read from the database when it starts, when it has missed something on the
//! bus, and every few seconds besides; so a job goes on where it stood after a restart.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use domain::{
    AppError, DeviceId,
    command::CommandState,
    device::Lifecycle,
    job::{JobState, StepCounts, StepState},
    live::LiveEvent,
};
use entity::{command, device, job, job_device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, TransactionTrait,
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::start::{self, Ending, Waiting};
use crate::{Services, commands, internal, twin};

/// How often jobs are moved.
const EVERY: Duration = Duration::from_millis(200);
/// How often all of them are read again.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// How often a job that moves is told, at most.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Devices that begin in one transaction.
const AT_A_TIME: usize = 100;

/// A job that has not ended, as this task knows it.
struct Work {
    row: job::Model,
    waiting: VecDeque<Waiting>,
    /// Those that wait for an ownership that is over, or were revoked: they are left out.
    gone: VecDeque<Waiting>,
    running: usize,
    last_begun_ms: i64,
    /// Commands of it have moved.
    moved: bool,
    /// Its counts have changed since they were told.
    untold: bool,
    told: Instant,
}

/// Moves jobs until `shutdown`; the server runs one of these.
pub async fn run(services: Services, shutdown: CancellationToken) {
    let mut bus = services.bus.subscribe();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut jobs: HashMap<Uuid, Work> = HashMap::new();
    let mut read_at = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            heard = bus.recv() => match heard {
                Ok(event) => match event.as_ref() {
                    LiveEvent::Command { command } => {
                        if let Some(work) = command.job.and_then(|job| jobs.get_mut(&job.0)) {
                            work.moved = true;
                        }
                    }
                    // Made, cancelled, or without a device that it waited for.
                    LiveEvent::Job { job, state, counts, .. } => {
                        let knows = |work: &Work| work.knows(*state, counts);
                        let known = jobs.get(&job.0).is_some_and(knows);
                        if !known && !is_over(*state) {
                            read_at = Instant::now();
                        }
                    }
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => read_at = Instant::now(),
                Err(RecvError::Closed) => return,
            },
            _ = tick.tick() => {
                if Instant::now() >= read_at {
                    match read(&services, &mut jobs).await {
                        Ok(()) => read_at = Instant::now() + READ_AGAIN,
                        Err(error) => tracing::warn!(%error, "jobs were not read: {error}"),
                    }
                }
                let mut over = Vec::new();
                for (id, work) in &mut jobs {
                    match advance(&services, work).await {
                        Ok(true) => over.push(*id),
                        Ok(false) => {}
                        Err(error) => {
                            tracing::warn!(job = %id, %error, "a job did not move: {error}");
                            read_at = Instant::now();
                        }
                    }
                }
                for id in over {
                    jobs.remove(&id);
                }
            }
        }
    }
}

impl Work {
    /// Whether it is in this state, and waits for nobody who has ended by these counts. It may wait for fewer: counts
    /// are heard after they were read.
    fn knows(&self, state: JobState, counts: &StepCounts) -> bool {
        let waiting = self.waiting.len() + self.gone.len();
        self.row.state == state.as_str()
            && usize::try_from(counts.waiting).is_ok_and(|told| waiting <= told)
    }
}

fn is_over(state: JobState) -> bool {
    matches!(state, JobState::Finished | JobState::Cancelled)
}

/// Reads every job that has not ended, with those of its devices that wait.
async fn read(services: &Services, jobs: &mut HashMap<Uuid, Work>) -> Result<(), AppError> {
    let open = [JobState::Running.as_str(), JobState::Cancelling.as_str()];
    let rows = job::Entity::find()
        .filter(job::Column::State.is_in(open))
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    jobs.retain(|id, _| rows.iter().any(|row| row.id == *id));
    for row in rows {
        let found: Vec<(i64, Uuid, i64, i64, String)> = job_device::Entity::find()
            .join(
                sea_orm::JoinType::InnerJoin,
                job_device::Entity::belongs_to(device::Entity)
                    .from(job_device::Column::DeviceId)
                    .to(device::Column::Id)
                    .into(),
            )
            .select_only()
            .column(job_device::Column::DeviceId)
            .column(device::Column::Uuid)
            .column(job_device::Column::Ownership)
            .column(device::Column::Ownership)
            .column(device::Column::Lifecycle)
            .filter(job_device::Column::JobId.eq(row.id))
            .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
            .order_by_asc(job_device::Column::Position)
            .into_tuple()
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let (mut waiting, mut gone) = (VecDeque::new(), VecDeque::new());
        for (device, uuid, ownership, present, lifecycle) in found {
            let there = present == ownership && lifecycle == Lifecycle::Active.as_str();
            let kept = if there { &mut waiting } else { &mut gone };
            kept.push_back(Waiting {
                device,
                uuid: DeviceId(uuid),
                ownership,
            });
        }
        let before = jobs.remove(&row.id);
        let work = Work {
            waiting,
            gone,
            running: before.as_ref().map_or(0, |work| work.running),
            last_begun_ms: before.as_ref().map_or(0, |work| work.last_begun_ms),
            moved: true,
            untold: before.as_ref().is_none_or(|work| work.untold),
            told: before.map_or_else(Instant::now, |work| work.told),
            row,
        };
        jobs.insert(work.row.id, work);
    }
    Ok(())
}

/// Moves a job on; `true` when every device of it has ended.
async fn advance(services: &Services, work: &mut Work) -> Result<bool, AppError> {
    if std::mem::take(&mut work.moved) {
        // What fails is done again.
        follow(services, work)
            .await
            .inspect_err(|_| work.moved = true)?;
    }
    if super::state(&work.row)? == JobState::Cancelling {
        work.waiting.clear();
        work.gone.clear();
    }
    if !work.gone.is_empty() {
        leave_out(services, work).await?;
    }
    if services.now().0 > work.row.expires_ms && !work.waiting.is_empty() {
        expire(services, work).await?;
    }
    let next = next(services, work);
    if !next.is_empty() {
        begin(services, work, next).await?;
    }
    let over = work.waiting.is_empty() && work.gone.is_empty() && work.running == 0;
    if over {
        return finish(services, work).await;
    }
    if work.untold && work.told.elapsed() >= TELL_EVERY {
        work.untold = false;
        work.told = Instant::now();
        super::tell(services, &work.row).await?;
    }
    Ok(false)
}

/// Brings the rows of devices that are at it to where their commands are. A device and its command are read
/// by one statement, and a row is changed only while it still has that command: it may have been given the
/// next try meanwhile.
async fn follow(services: &Services, work: &mut Work) -> Result<(), AppError> {
    let running = job_device::Entity::find()
        .join(
            sea_orm::JoinType::LeftJoin,
            job_device::Entity::belongs_to(command::Entity)
                .from(job_device::Column::CommandId)
                .to(command::Column::Id)
                .into(),
        )
        .select_also(command::Entity)
        .filter(job_device::Column::JobId.eq(work.row.id))
        .filter(job_device::Column::State.eq(StepState::Running.as_str()))
        // As the ends of commands lock them.
        .order_by_asc(job_device::Column::DeviceId)
        .all(&services.db.read)
        .await
        .map_err(internal)?;
    work.running = running.len();
    let moved: Vec<_> = running
        .into_iter()
        .filter_map(|(row, command)| {
            let command = command?;
            let state = end_of(&command);
            let moved = state.is_some() || row.progress != command.progress;
            moved.then_some((row, command, state))
        })
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let mut ended = 0;
    for (row, command, state) in moved {
        let mut change = job_device::ActiveModel {
            progress: Set(command.progress),
            ..Default::default()
        };
        if let Some(state) = state {
            change.state = Set(state.as_str().to_owned());
            change.reason = Set(command.reason);
            change.output = Set(command.output);
            change.finished_ms = Set(command.finished_ms);
        }
        let changed = job_device::Entity::update_many()
            .set(change)
            .filter(job_device::Column::JobId.eq(row.job_id))
            .filter(job_device::Column::DeviceId.eq(row.device_id))
            .filter(job_device::Column::CommandId.eq(command.id))
            .filter(job_device::Column::State.eq(StepState::Running.as_str()))
            .exec(&transaction)
            .await
            .map_err(internal)?;
        match (changed.rows_affected, state) {
            // It has gone on: it is looked at again.
            (0, _) => work.moved = true,
            (_, Some(_)) => ended += 1,
            (_, None) => {}
        }
    }
    transaction.commit().await.map_err(internal)?;
    work.running -= ended;
    work.untold = true;
    Ok(())
}

/// What the end of its command means for a device. One whose command was held back, because its sender may not command
/// the device any more, is left out, as it is where that shows before its turn.
fn end_of(command: &command::Model) -> Option<StepState> {
    let state = CommandState::parse(&command.state).and_then(StepState::of_command)?;
    let held_back = command.reason.as_deref() == Some(commands::NOT_ALLOWED);
    match state {
        StepState::Cancelled if held_back => Some(StepState::Skipped),
        state => Some(state),
    }
}

/// Ends those that were not reached in time.
async fn expire(services: &Services, work: &mut Work) -> Result<(), AppError> {
    let (there, away): (Vec<&Waiting>, Vec<&Waiting>) = work
        .waiting
        .iter()
        .partition(|waiting| services.link.is_connected(waiting.uuid));
    let now = services.now();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    for (devices, reason) in [(there, "no_turn"), (away, "offline")] {
        let ids: Vec<i64> = devices.iter().map(|waiting| waiting.device).collect();
        Ending::new(StepState::Expired, Some(reason), now)
            .of_all(&transaction, work.row.id, &ids)
            .await?;
    }
    transaction.commit().await.map_err(internal)?;
    work.waiting.clear();
    work.untold = true;
    Ok(())
}

/// Who begins now: the first that are connected, as many as there is room for.
fn next(services: &Services, work: &mut Work) -> Vec<Waiting> {
    let most = usize::try_from(work.row.concurrency).unwrap_or(1);
    let mut room = most.saturating_sub(work.running).min(AT_A_TIME);
    if work.row.stagger_ms > 0 {
        let since = services.now().0 - work.last_begun_ms;
        let due = match work.last_begun_ms {
            0 => 1,
            // A pause is no credit: after one, one begins.
            _ if since > 10 * work.row.stagger_ms => 1,
            _ => since / work.row.stagger_ms,
        };
        room = room.min(usize::try_from(due).unwrap_or(0));
    }
    let mut next = Vec::with_capacity(room);
    let mut kept = VecDeque::with_capacity(work.waiting.len());
    if room == 0 {
        return next;
    }
    while let Some(waiting) = work.waiting.pop_front() {
        if next.len() < room && services.link.is_connected(waiting.uuid) {
            next.push(waiting);
        } else {
            kept.push_back(waiting);
        }
    }
    work.waiting = kept;
    next
}

/// Leaves out those that are gone, connected or not. What makes a device go leaves it out by itself, but not of a job
/// that is being made at this moment.
async fn leave_out(services: &Services, work: &mut Work) -> Result<(), AppError> {
    let most = work.gone.len().min(AT_A_TIME);
    let gone = work.gone.drain(..most).collect();
    // They are looked at again when they are held, and an ownership that is over does not come back.
    begin(services, work, gone).await
}

async fn begin(services: &Services, work: &mut Work, next: Vec<Waiting>) -> Result<(), AppError> {
    let begun = start::begin(services, &work.row, next).await?;
    if !begun.commands.is_empty() {
        work.last_begun_ms = services.now().0;
    }
    work.running += begun.commands.len();
    work.untold = true;
    work.waiting.extend(begun.later);
    let devices: Vec<DeviceId> = begun
        .commands
        .iter()
        .map(|command| command.device)
        .collect();
    commands::publish(services, begun.commands).await;
    for device in begun.wished {
        twin::tell(services, device).await;
    }
    for device in devices {
        commands::wake(services, device);
    }
    Ok(())
}

/// Ends a job whose devices have all ended; `false` where the database knows better.
async fn finish(services: &Services, work: &mut Work) -> Result<bool, AppError> {
    let counts = super::read::counts(&services.db.read, &[work.row.id])
        .await?
        .remove(&work.row.id)
        .unwrap_or_default();
    if counts.waiting + counts.running > 0 {
        work.moved = true;
        return Ok(false);
    }
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let current = job::Entity::find_by_id(work.row.id)
        .lock_exclusive()
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    let state = match super::state(&current)? {
        JobState::Cancelling => JobState::Cancelled,
        _ => JobState::Finished,
    };
    let mut change = current.into_active_model();
    change.state = Set(state.as_str().to_owned());
    change.finished_ms = Set(Some(services.now().0));
    work.row = change.update(&transaction).await.map_err(internal)?;
    transaction.commit().await.map_err(internal)?;
    super::tell(services, &work.row).await?;
    Ok(true)
}
