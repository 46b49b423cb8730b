//! A report that is kept apart from the history because it is not certain who said it.

use sea_orm::entity::prelude::*;

/// A report that is kept apart from the history because it is not certain who said it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_quarantine")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The device in whose name it came.
    pub device_id: i64,
    /// The finding that keeps it; none while its sender has not said who it is.
    pub finding_id: Option<i64>,
    /// The connection that it came over.
    pub session: i64,
    /// As in `report`.
    pub component_id: i64,
    /// As in `report`.
    pub at_ms: i64,
    /// As in `report`.
    pub sequence: i64,
    /// As in `report`.
    pub received_ms: i64,
    /// As in `report`.
    pub late: bool,
    /// As in `report`.
    pub status: Option<String>,
    /// As in `report`.
    pub readings: Json,
    /// `held`, `released` or `discarded`.
    pub state: String,
    /// When it was released or discarded.
    pub changed_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
