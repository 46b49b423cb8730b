//! Cancelling a job: no further device begins. What was delivered comes to its own end.

use domain::{
    AppError, JobId,
    command::CommandState,
    job::{Job, JobState, StepState},
};
use entity::{command, job, job_device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, TransactionTrait, sea_query::Expr,
};
use serde_json::json;

use super::read;
use crate::{
    Actor, Services,
    apart::commit_then,
    audit,
    commands::step::{self, Moved},
    internal,
};

/// Devices in one statement.
const AT_A_TIME: usize = 500;

/// Cancels what has not been delivered. Who made the job may, and administrators.
pub async fn cancel(services: &Services, actor: &Actor, id: JobId) -> Result<Job, AppError> {
    let row = read::visible(services, actor, id).await?;
    if row.created_by != Some(actor.user.id.0) {
        actor.require_admin()?;
    }
    let now = services.now().0;
    let transaction = services.db.write.begin().await.map_err(internal)?;
    let row = job::Entity::find_by_id(row.id)
        .lock_exclusive()
        .one(&transaction)
        .await
        .map_err(internal)?
        .ok_or(AppError::NotFound)?;
    match super::state(&row)? {
        JobState::Running => {}
        JobState::Cancelling | JobState::Cancelled => {
            // It holds a connection, and what is asked next needs one.
            drop(transaction);
            return read::get(services, actor, id).await;
        }
        JobState::Finished => return Err(AppError::conflict("job_finished")),
    }
    let moved = take_back(&transaction, id, now).await?;
    job_device::Entity::update_many()
        .col_expr(
            job_device::Column::State,
            Expr::value(StepState::Cancelled.as_str()),
        )
        .col_expr(job_device::Column::FinishedMs, Expr::value(now))
        .filter(job_device::Column::JobId.eq(id.0))
        .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
        .exec(&transaction)
        .await
        .map_err(internal)?;
    let mut change = row.into_active_model();
    change.state = Set(JobState::Cancelling.as_str().to_owned());
    let row = change.update(&transaction).await.map_err(internal)?;
    let taken_back = moved.commands.len();
    audit::record(
        services,
        &transaction,
        actor,
        "jobs.cancel",
        Some(id.to_string()),
        json!({ "taken_back": taken_back }),
    )
    .await?;
    let own = services.clone();
    commit_then(transaction, async move {
        moved.tell(&own).await;
        super::tell(&own, &row).await
    })
    .await?;
    read::get(services, actor, id).await
}

/// Ends the commands of a job that have not left; nobody of it begins meanwhile, because the job is locked.
async fn take_back(
    transaction: &DatabaseTransaction,
    job: JobId,
    now: i64,
) -> Result<Moved, AppError> {
    let queued = command::Entity::find()
        .filter(command::Column::JobId.eq(job.0))
        .filter(command::Column::State.eq(CommandState::Queued.as_str()))
        .order_by_asc(command::Column::DeviceId);
    let devices: Vec<i64> = queued
        .clone()
        .select_only()
        .column(command::Column::DeviceId)
        .into_tuple()
        .all(transaction)
        .await
        .map_err(internal)?;
    let mut moved = Moved::default();
    for devices in devices.chunks(AT_A_TIME) {
        let held = step::hold_all(transaction, devices.iter().copied()).await?;
        let queued = queued
            .clone()
            .filter(command::Column::DeviceId.is_in(devices.iter().copied()));
        for row in queued.all(transaction).await.map_err(internal)? {
            if let Some(held) = held.get(&row.device_id) {
                let state = CommandState::Cancelled;
                moved.and(held.end(row, now, state, None).await?);
            }
        }
    }
    Ok(moved)
}
