//! An address that a person had before.

use sea_orm::entity::prelude::*;

/// An address that a person had before.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "former_address")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// The address, normalised.
    #[sea_orm(primary_key, auto_increment = false)]
    pub email: String,
    /// Until when their devices may still report under it.
    pub until_ms: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
