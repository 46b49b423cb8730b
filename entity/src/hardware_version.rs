//! The catalog: a board or computer model.

use sea_orm::entity::prelude::*;

/// The catalog: a board or computer model.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hardware_version")]
pub struct Model {
    /// `4B`, `5`, `pc`, …
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: String,
    /// What it is called.
    pub name: String,
    /// `domain::device::DeviceKind`.
    pub kind: String,
    /// `domain::catalog::PinHeader`.
    pub header: String,
    /// Words for a person.
    pub description: Option<String>,
    /// When it was deleted; it can be brought back.
    pub deleted_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
