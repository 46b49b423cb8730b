//! One command to one device: the queue and its history.

use sea_orm::entity::prelude::*;

/// One command to one device: the queue and its history.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "command")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The device.
    pub device_id: i64,
    /// Such as `set`.
    pub name: String,
    /// The component it is for.
    pub component_key: Option<String>,
    /// A JSON object.
    pub arguments: Json,
    /// `domain::command::CommandState`.
    pub state: String,
    /// Percent.
    pub progress: Option<i16>,
    /// Why it did not succeed.
    pub reason: Option<String>,
    /// What it gave.
    pub output: Option<Json>,
    /// Who sent it.
    pub created_by: Option<Uuid>,
    /// The ownership it was sent under; another one cancels it.
    pub ownership: i64,
    /// When it was queued.
    pub queued_ms: i64,
    /// When it was last published.
    pub delivered_ms: Option<i64>,
    /// How often it was published since it was queued or the device connected anew.
    pub deliveries: i32,
    /// When the device took it.
    pub accepted_ms: Option<i64>,
    /// When it began.
    pub executing_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// Until when it may begin.
    pub expires_ms: i64,
    /// Whether it leaves what is desired as it is.
    pub transient: bool,
    /// How often it is tried again after a failure.
    pub retries_left: i16,
    /// 1 for the first try.
    pub attempt: i32,
    /// How long the next try waits.
    pub retry_wait_ms: i64,
    /// The first try of it.
    pub retry_of: Option<Uuid>,
    /// It is not delivered before.
    pub not_before_ms: i64,
    /// How long a device that took it may stay silent about it.
    pub timeout_ms: Option<i64>,
    /// When the device last said something about it.
    pub answered_ms: Option<i64>,
    /// The job that it is a part of.
    pub job_id: Option<Uuid>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
