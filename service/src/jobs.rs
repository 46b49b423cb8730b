//! Jobs: the same instruction to many devices, and what became of it on each.
//!
//! Invariant: who is in a job is fixed when it is made, and each of them ends in one named state. A device
//! that is not connected waits without a command, and one that is given up or revoked meanwhile is left out
//! at once; one command of a device at a time belongs to a job, and its row follows that command. [`run`] is
//! the one task that moves all jobs; it keeps nothing that it could not read again.

mod cancel;
mod gone;
mod make;
mod read;
mod runner;
mod start;
mod targets;

pub use cancel::cancel;
pub(crate) use gone::{Freed, leave_out};
pub use make::{create, preview, retry};
pub use read::{get, list, steps};
pub use runner::run;

use domain::{
    AppError, JobId,
    job::{JobState, StepCounts},
    live::LiveEvent,
};
use entity::{command, job, job_device};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use crate::{Services, internal};

/// Most devices of one job.
pub const MOST_DEVICES: usize = 20_000;

/// The next try of a command takes its place in its job.
pub(crate) async fn followed<C: ConnectionTrait>(
    connection: &C,
    before: &command::Model,
    after: Uuid,
) -> Result<(), AppError> {
    let Some(job) = before.job_id else {
        return Ok(());
    };
    job_device::Entity::update_many()
        .col_expr(job_device::Column::CommandId, Expr::value(after))
        .filter(job_device::Column::JobId.eq(job))
        .filter(job_device::Column::DeviceId.eq(before.device_id))
        .filter(job_device::Column::CommandId.eq(before.id))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(())
}

fn state(row: &job::Model) -> Result<JobState, AppError> {
    JobState::parse(&row.state)
        .ok_or_else(|| internal(format!("job {} is in state {}", row.id, row.state)))
}

/// Tells how a job stands; gives its counts.
async fn tell(services: &Services, row: &job::Model) -> Result<StepCounts, AppError> {
    let counts = read::counts(&services.db.read, &[row.id])
        .await?
        .remove(&row.id)
        .unwrap_or_default();
    services.bus.publish(vec![event(row, counts)?]).await;
    Ok(counts)
}

/// A job with these counts, for who watches it.
fn event(row: &job::Model, counts: StepCounts) -> Result<LiveEvent, AppError> {
    Ok(LiveEvent::Job {
        job: JobId(row.id),
        by: row.created_by.map(domain::UserId),
        counts,
        state: state(row)?,
    })
}
