//! Cancelling a job: no further device begins. What was delivered comes to its own end.

use domain::{
    AppError, CommandId, JobId,
    command::CommandState,
    job::{Job, JobState, StepState},
};
use entity::{command, device, job, job_device};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, TransactionTrait, sea_query::Expr,
};
use serde_json::json;

use super::read;
use crate::{Actor, Services, audit, commands, internal, twin};

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
        JobState::Cancelling | JobState::Cancelled => return read::get(services, actor, id).await,
        JobState::Finished => return Err(AppError::conflict("job_finished")),
    }
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
    let undelivered = command::Entity::find()
        .filter(command::Column::JobId.eq(id.0))
        .filter(command::Column::State.eq(CommandState::Queued.as_str()))
        .all(&transaction)
        .await
        .map_err(internal)?;
    let (mut moved, mut wishes) = (Vec::with_capacity(undelivered.len()), Vec::new());
    for queued in undelivered {
        let of = device::Entity::find_by_id(queued.device_id)
            .one(&transaction)
            .await
            .map_err(internal)?;
        let mut change = queued.into_active_model();
        change.state = Set(CommandState::Cancelled.as_str().to_owned());
        change.finished_ms = Set(Some(now));
        let changed = change.update(&transaction).await.map_err(internal)?;
        let wished = twin::command_ended(&transaction, &changed).await?;
        if let Some(of) = of {
            let uuid = domain::DeviceId(of.uuid);
            moved.push(commands::one_to_domain(&transaction, uuid, changed).await?);
            wishes.extend(wished.then_some(uuid));
        }
    }
    let mut change = row.into_active_model();
    change.state = Set(JobState::Cancelling.as_str().to_owned());
    let row = change.update(&transaction).await.map_err(internal)?;
    let taken_back: Vec<CommandId> = moved.iter().map(|command| command.id).collect();
    audit::record(
        services,
        &transaction,
        actor,
        "jobs.cancel",
        Some(id.to_string()),
        json!({ "taken_back": taken_back.len() }),
    )
    .await?;
    transaction.commit().await.map_err(internal)?;
    commands::publish(services, moved).await;
    for device in wishes {
        twin::tell(services, device).await;
    }
    super::tell(services, &row).await?;
    read::get(services, actor, id).await
}
