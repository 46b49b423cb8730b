//! Devices that a job waits for and that cannot be told any more: given up, or revoked.
//!
//! Invariant: who ends an ownership, or revokes, leaves the device out of every job that waits for it, in the same
//! transaction, which holds the device. It locks no job, as a job comes before its devices, only the rows of the
//! device, in the order of their jobs. Who cancels a job, or ends what ran out, locks rows of that one job and no
//! device after them: so nobody waits in a circle.

use domain::{AppError, TimestampMs, job::StepState};
use entity::{job, job_device};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::read;
use crate::{Services, internal};

/// Jobs that wait for a device less, to be told after the commit.
#[derive(Debug)]
#[must_use]
pub(crate) struct Freed(Vec<Uuid>);

/// Leaves a device, whose row is locked, out of every job that waits for it, for this reason.
pub(crate) async fn leave_out<C: ConnectionTrait>(
    connection: &C,
    device: i64,
    reason: &str,
    now: TimestampMs,
) -> Result<Freed, AppError> {
    let jobs: Vec<Uuid> = job_device::Entity::find()
        .select_only()
        .column(job_device::Column::JobId)
        .filter(job_device::Column::DeviceId.eq(device))
        .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
        .order_by_asc(job_device::Column::JobId)
        .lock_exclusive()
        .into_tuple()
        .all(connection)
        .await
        .map_err(internal)?;
    if jobs.is_empty() {
        return Ok(Freed(jobs));
    }
    job_device::Entity::update_many()
        .col_expr(
            job_device::Column::State,
            Expr::value(StepState::Skipped.as_str()),
        )
        .col_expr(job_device::Column::Reason, Expr::value(reason))
        .col_expr(job_device::Column::FinishedMs, Expr::value(now.0))
        .filter(job_device::Column::DeviceId.eq(device))
        .filter(job_device::Column::JobId.is_in(jobs.iter().copied()))
        .filter(job_device::Column::State.eq(StepState::Waiting.as_str()))
        .exec(connection)
        .await
        .map_err(internal)?;
    Ok(Freed(jobs))
}

impl Freed {
    /// Tells how these jobs stand; the task that moves them hears it, and ends those that wait for nobody.
    pub(crate) async fn tell(self, services: &Services) -> Result<(), AppError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let counts = read::counts(&services.db.read, &self.0).await?;
        // After the counts: a job that ended meanwhile is told as one that has.
        let rows = job::Entity::find()
            .filter(job::Column::Id.is_in(self.0))
            .all(&services.db.read)
            .await
            .map_err(internal)?;
        let counted = |row: &job::Model| counts.get(&row.id).copied().unwrap_or_default();
        let told = rows
            .iter()
            .map(|row| super::event(row, counted(row)))
            .collect::<Result<_, _>>()?;
        services.bus.publish(told).await;
        Ok(())
    }
}
