//! Minutes whose rollups are to be computed again; written with the reports.

use sea_orm::entity::prelude::*;

/// Minutes whose rollups are to be computed again; written with the reports.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rollup_due")]
pub struct Model {
    /// The component.
    #[sea_orm(primary_key, auto_increment = false)]
    pub component_id: i64,
    /// The minute.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket_ms: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
