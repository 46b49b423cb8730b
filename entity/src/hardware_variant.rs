//! The catalog: how a model is equipped.

use sea_orm::entity::prelude::*;

/// The catalog: how a model is equipped.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "hardware_variant")]
pub struct Model {
    /// Internal and public id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `Standard`, `Pro`, …
    pub name: String,
    /// Words for a person.
    pub description: Option<String>,
    /// When it was deleted; it can be brought back.
    pub deleted_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
