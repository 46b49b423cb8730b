//! One report of one component: one row, however many values. Raw history.

use sea_orm::entity::prelude::*;

/// One report of one component: one row, however many values. Raw history.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "report")]
pub struct Model {
    /// The component.
    #[sea_orm(primary_key, auto_increment = false)]
    pub component_id: i64,
    /// When it was measured.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at_ms: i64,
    /// Its place in the device's order. Of several reports of one moment in a batch, the bits from 2^53 on count those
    /// before it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// When it was received.
    pub received_ms: i64,
    /// Whether it was late data.
    pub late: bool,
    /// An actuator's state.
    pub status: Option<String>,
    /// Its values: name → number, text or truth.
    pub readings: Json,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
