//! How often each reason refused messages of a device.

use sea_orm::entity::prelude::*;

/// How often each reason refused messages of a device.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refusal")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// `domain::event::RefusalReason`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reason: String,
    /// How often.
    pub count: i64,
    /// The last time.
    pub last_ms: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
