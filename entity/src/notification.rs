//! What one person is told inside the application.

use sea_orm::entity::prelude::*;

/// What one person is told inside the application.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who is told.
    pub user_id: Uuid,
    /// When.
    pub at_ms: i64,
    /// `domain::identity::NoticeKind`.
    pub kind: String,
    /// The device that it is about.
    pub device_id: Option<i64>,
    /// The finding that it is about.
    pub finding_id: Option<i64>,
    /// When it was read.
    pub read_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
