//! Who did what: the audit trail.

use sea_orm::entity::prelude::*;

/// Who did what: the audit trail.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    /// Counts up.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// Who; none for the system.
    pub user_id: Option<Uuid>,
    /// What, as `feature.verb`.
    pub action: String,
    /// To what: an id.
    pub target: Option<String>,
    /// The particulars; never a secret.
    pub detail: Json,
    /// Where the request came from.
    pub address: Option<String>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
