//! Letting devices of a job begin: each gets its command and its row follows, in one transaction for many.

use std::collections::HashSet;

use domain::{
    AppError, DeviceId, TimestampMs,
    command::{Command, CommandOptions},
    device::Lifecycle,
    job::{JobState, StepState},
    role::{DeviceRole, SiteRole},
};
use entity::{component, device_access, job, job_device, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    TransactionTrait, sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    Services, commands,
    commands::{Attempt, Draft, MAX_WAITING, step},
    internal, twin,
};

/// A device whose turn has not come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) device: i64,
    pub(super) uuid: DeviceId,
    pub(super) ownership: i64,
}

/// What became of those that were to begin.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Their commands.
    pub(super) commands: Vec<Command>,
    /// Of which something else is desired now.
    pub(super) wished: Vec<DeviceId>,
    /// Whose own queue is full: they wait on.
    pub(super) later: Vec<Waiting>,
}

/// Lets these begin.
pub(super) async fn begin(
    services: &Services,
    job: &job::Model,
    devices: Vec<Waiting>,
) -> Result<Begun, AppError> {
    let now = services.now();
    let ids: Vec<i64> = devices.iter().map(|waiting| waiting.device).collect();
    let transaction = services.db.write.begin().await.map_err(internal)?;
    // Who cancels it waits, or was first.
    let current = job::Entity::find_by_id(job.id)
        .lock_exclusive()
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    if super::state(&current)? != JobState::Running {
        return Ok(Begun::default());
    }
    let rows = step::hold_all(&transaction, ids.iter().copied()).await?;
    let commanded = commanded(&transaction, job, &ids).await?;
    let having = having(&transaction, job, &ids).await?;
    let mut begun = Begun::default();
    for waiting in devices {
        let row = rows.get(&waiting.device).map(|held| &held.device);
        let left_out = match row {
            Some(row) if row.ownership != waiting.ownership => Some("ownership_changed"),
            Some(row) if row.lifecycle == Lifecycle::Revoked.as_str() => Some("device_revoked"),
            Some(row) if row.lifecycle != Lifecycle::Active.as_str() || row.secret.is_none() => {
                Some("device_not_claimed")
            }
            Some(_)
                if commanded
                    .as_ref()
                    .is_some_and(|ids| !ids.contains(&waiting.device)) =>
            {
                Some("not_allowed")
            }
            Some(_)
                if having
                    .as_ref()
                    .is_some_and(|ids| !ids.contains(&waiting.device)) =>
            {
                Some("not_attached")
            }
            Some(_) => None,
            None => Some("device_not_claimed"),
        };
        if let Some(reason) = left_out {
            let end = Ending::new(StepState::Skipped, Some(reason), now);
            end.of_waiting(&transaction, job.id, waiting.device).await?;
            continue;
        }
        if commands::waiting(&transaction, waiting.device).await? >= MAX_WAITING {
            begun.later.push(waiting);
            continue;
        }
        let id = Uuid::now_v7();
        // Only one that still waits.
        let taken = job_device::Entity::update_many()
            .col_expr(
                job_device::Column::State,
                Expr::value(StepState::Running.as_str()),
            )
            .col_expr(job_device::Column::CommandId, Expr::value(id))
            .col_expr(job_device::Column::StartedMs, Expr::value(now.0))
            .filter(job_device::Column::JobId.eq(job.id))
            .filter(job_device::Column::DeviceId.eq(waiting.device))
            .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
            .exec(&transaction)
            .await
            .map_err(internal)?;
        if taken.rows_affected == 0 {
            continue;
        }
        let draft = draft(job, waiting, id, now)?;
        let row = draft.row().insert(&transaction).await.map_err(internal)?;
        if twin::wish(&transaction, &row).await? {
            begun.wished.push(waiting.uuid);
        }
        begun
            .commands
            .push(commands::one_to_domain(&transaction, waiting.uuid, row).await?);
    }
    transaction.commit().await.map_err(internal)?;
    Ok(begun)
}

fn draft(job: &job::Model, of: Waiting, id: Uuid, now: TimestampMs) -> Result<Draft, AppError> {
    Ok(Draft {
        id,
        device: of.device,
        ownership: of.ownership,
        name: job.name.clone(),
        component: job.component_key.clone(),
        arguments: job.arguments.clone(),
        created_by: job.created_by,
        queued_ms: now.0,
        expires_ms: job.expires_ms,
        options: CommandOptions {
            transient: job.transient,
            retries: u8::try_from(job.retries).map_err(internal)?,
            retry_wait_ms: job.retry_wait_ms,
            timeout_ms: Some(job.timeout_ms),
        },
        job: Some(job.id),
        attempt: Attempt::FIRST,
    })
}

/// Which of these devices who made the job may command now; `None` where all of them.
///
/// A job waits for days, and its maker may have lost what they had when they made it. Whoever takes a device from
/// somebody holds that device meanwhile, so what is read here is how it stands when the device begins.
async fn commanded(
    connection: &DatabaseTransaction,
    job: &job::Model,
    devices: &[i64],
) -> Result<Option<HashSet<i64>>, AppError> {
    let maker = match job.created_by {
        Some(id) => user::Entity::find_by_id(id)
            .one(connection)
            .await
            .map_err(internal)?
            .filter(|person| person.disabled_ms.is_none()),
        None => None,
    };
    let Some(maker) = maker else {
        return Ok(Some(HashSet::new()));
    };
    if SiteRole::parse(&maker.role).is_some_and(SiteRole::sees_all_devices) {
        return Ok(None);
    }
    let owned: Vec<i64> = device_access::Entity::find()
        .select_only()
        .column(device_access::Column::DeviceId)
        .filter(device_access::Column::UserId.eq(maker.id))
        .filter(device_access::Column::Role.eq(DeviceRole::Owner.as_str()))
        .filter(device_access::Column::DeviceId.is_in(devices.iter().copied()))
        .into_tuple()
        .all(connection)
        .await
        .map_err(internal)?;
    Ok(Some(owned.into_iter().collect()))
}

/// Which of these devices have the job's component; `None` where it has none.
async fn having(
    connection: &DatabaseTransaction,
    job: &job::Model,
    devices: &[i64],
) -> Result<Option<HashSet<i64>>, AppError> {
    let Some(key) = &job.component_key else {
        return Ok(None);
    };
    let rows: Vec<i64> = component::Entity::find()
        .select_only()
        .column(component::Column::DeviceId)
        .filter(component::Column::DeviceId.is_in(devices.iter().copied()))
        .filter(component::Column::Key.eq(key))
        .filter(component::Column::DetachedMs.is_null())
        .into_tuple()
        .all(connection)
        .await
        .map_err(internal)?;
    Ok(Some(rows.into_iter().collect()))
}

/// How a device that has not begun ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    state: StepState,
    reason: Option<&'static str>,
    at: TimestampMs,
}

impl Ending {
    pub(super) fn new(state: StepState, reason: Option<&'static str>, at: TimestampMs) -> Self {
        Self { state, reason, at }
    }

    async fn of_waiting(
        self,
        connection: &DatabaseTransaction,
        job: Uuid,
        device: i64,
    ) -> Result<(), AppError> {
        self.of_all(connection, job, &[device]).await
    }

    /// Ends those of `devices` that still wait.
    pub(super) async fn of_all(
        self,
        connection: &DatabaseTransaction,
        job: Uuid,
        devices: &[i64],
    ) -> Result<(), AppError> {
        for part in devices.chunks(1_000) {
            job_device::Entity::update_many()
                .col_expr(job_device::Column::State, Expr::value(self.state.as_str()))
                .col_expr(job_device::Column::Reason, Expr::value(self.reason))
                .col_expr(job_device::Column::FinishedMs, Expr::value(self.at.0))
                .filter(job_device::Column::JobId.eq(job))
                .filter(job_device::Column::DeviceId.is_in(part.iter().copied()))
                .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
                .exec(connection)
                .await
                .map_err(internal)?;
        }
        Ok(())
    }
}
