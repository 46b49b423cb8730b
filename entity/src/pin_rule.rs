//! The catalog: a pin that a type of component may be wired to.

use sea_orm::entity::prelude::*;

/// The catalog: a pin that a type of component may be wired to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pin_rule")]
pub struct Model {
    /// Internal and public id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The model.
    pub hardware_version: String,
    /// How it is equipped.
    pub hardware_variant: String,
    /// The type of component.
    pub component_type: String,
    /// The GPIO number; none where it needs no pin.
    pub pin_number: Option<i32>,
    /// `domain::catalog::PinMode`.
    pub pin_mode: Option<String>,
    /// `domain::catalog::DefaultState`.
    pub default_state: Option<String>,
    /// Words for a person.
    pub description: Option<String>,
    /// When it was deleted; it can be brought back.
    pub deleted_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
