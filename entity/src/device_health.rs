//! What is wrong with a device's connection or clock; no row where nothing ever was.

use sea_orm::entity::prelude::*;

/// What is wrong with a device's connection or clock; no row where nothing ever was.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_health")]
pub struct Model {
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// Since when it comes and goes; none while it does not.
    pub flapping_since_ms: Option<i64>,
    /// How often it has connected within the last ten minutes of that.
    pub flapping_connections: Option<i32>,
    /// Since when its clock is wrong; none while it is right.
    pub skewed_since_ms: Option<i64>,
    /// By how much: ahead is positive.
    pub skew_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
