//! One device of a job: where it stands, and how it ended.

use sea_orm::entity::prelude::*;

/// One device of a job: where it stands, and how it ended.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "job_device")]
pub struct Model {
    /// The job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// Its place in the order.
    pub position: i32,
    /// The ownership when the job was made; another one leaves it out.
    pub ownership: i64,
    /// `domain::job::StepState`.
    pub state: String,
    /// Why it did not succeed.
    pub reason: Option<String>,
    /// Percent.
    pub progress: Option<i16>,
    /// What it gave.
    pub output: Option<Json>,
    /// Its latest command.
    pub command_id: Option<Uuid>,
    /// When it began.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
