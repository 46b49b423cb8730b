//! Tags put on and taken off many devices at once.

use sea_orm::entity::prelude::*;

/// Tags put on and taken off many devices at once.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tag_act")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who did it, and may undo it.
    pub user_id: Uuid,
    /// When.
    pub at_ms: i64,
    /// The rows of `device_tag` that it made, as pairs of tag and device.
    pub added: Json,
    /// The rows that it took away.
    pub removed: Json,
    /// When it was undone.
    pub undone_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
