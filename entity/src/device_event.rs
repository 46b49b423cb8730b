//! What happened to a device, security events included.

use sea_orm::entity::prelude::*;

/// What happened to a device, security events included.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_event")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The device; none where the certificate names none that is known.
    pub device_id: Option<i64>,
    /// When, the last time.
    pub at_ms: i64,
    /// `domain::event::EventKind`.
    pub kind: String,
    /// `domain::event::Severity`.
    pub severity: String,
    /// The particulars.
    pub detail: Json,
    /// How often in a row.
    pub count: i32,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
