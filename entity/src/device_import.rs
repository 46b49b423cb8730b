//! Many devices pre-registered, or given new codes, at once.

use sea_orm::entity::prelude::*;

/// Many devices pre-registered, or given new codes, at once.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_import")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `domain::import::ImportKind`.
    pub kind: String,
    /// The file's name; empty where it was pasted.
    pub name: String,
    /// Who started it.
    pub by_id: Uuid,
    /// What they were called then.
    pub by_name: String,
    /// When.
    pub created_ms: i64,
    /// When its last line was done, or it was cancelled.
    pub finished_ms: Option<i64>,
    /// Whether somebody stopped it.
    pub cancelled: bool,
    /// Lines in all.
    pub total: i32,
    /// Devices made, or given a new code.
    pub made: i32,
    /// Lines refused.
    pub refused: i32,
    /// Until when its codes are kept; none where they were deleted.
    pub codes_until_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
