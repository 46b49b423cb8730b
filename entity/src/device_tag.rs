//! A word that devices are grouped by.

use sea_orm::entity::prelude::*;

/// A word that devices are grouped by.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_tag")]
pub struct Model {
    /// `domain::tag::Tag`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
