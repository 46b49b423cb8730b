//! One instruction to many devices.

use sea_orm::entity::prelude::*;

/// One instruction to many devices.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub created_by: Option<Uuid>,
    /// When.
    pub created_ms: i64,
    /// `domain::job::JobState`.
    pub state: String,
    /// The command's name, such as `set`.
    pub name: String,
    /// The component it is for.
    pub component_key: Option<String>,
    /// A JSON object.
    pub arguments: Json,
    /// Whether it leaves what is desired as it is.
    pub transient: bool,
    /// How its devices were chosen, `domain::job::Target`.
    pub target: Json,
    /// How many devices it has.
    pub total: i32,
    /// Most devices that are at it at a time.
    pub concurrency: i32,
    /// The least time between two that begin.
    pub stagger_ms: i64,
    /// Until when a device may begin.
    pub expires_ms: i64,
    /// How long a device that took it may stay silent.
    pub timeout_ms: i64,
    /// How often each device tries again.
    pub retries: i16,
    /// How long a next try waits.
    pub retry_wait_ms: i64,
    /// The job whose failures it repeats.
    pub parent_id: Option<Uuid>,
    /// When its last device ended.
    pub finished_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
