//! The catalog: a supported type of component.

use sea_orm::entity::prelude::*;

/// The catalog: a supported type of component.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "component_type")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub component_type: String,
    /// What to call it, in Korean.
    pub display_name_ko: String,
    /// What to call it, in English.
    pub display_name_en: String,
    /// `domain::component::ComponentCategory`.
    pub category: String,
    /// `temperature`, `status`, …
    pub telemetry_category: Option<String>,
    /// Words for a person.
    pub description: Option<String>,
    /// `domain::catalog::ComponentMetadata`.
    pub metadata: Json,
    /// When it was deleted; it can be brought back.
    pub deleted_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
