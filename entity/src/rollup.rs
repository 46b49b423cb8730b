//! Numbers of one component's value over a minute, an hour or a day.

use sea_orm::entity::prelude::*;

/// Numbers of one component's value over a minute, an hour or a day.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rollup")]
pub struct Model {
    /// The component.
    #[sea_orm(primary_key, auto_increment = false)]
    pub component_id: i64,
    /// The value's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    /// 60,000, 3,600,000 or 86,400,000.
    #[sea_orm(primary_key, auto_increment = false)]
    pub resolution_ms: i64,
    /// The beginning, a multiple of the resolution.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket_ms: i64,
    /// The smallest reading.
    pub min: f64,
    /// The largest reading.
    pub max: f64,
    /// The sum: the mean is sum / count.
    pub sum: f64,
    /// How many readings.
    pub count: i64,
    /// Whether any came late.
    pub late: bool,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
