//! A device list that somebody wants to see again.

use sea_orm::entity::prelude::*;

/// A device list that somebody wants to see again.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "saved_view")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who saved it.
    pub user_id: Uuid,
    /// What it is called.
    pub name: String,
    /// What follows `/devices` in its address, without `?`.
    pub address: String,
    /// Whether everybody is shown it.
    pub shared: bool,
    /// When it was saved.
    pub created_ms: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
