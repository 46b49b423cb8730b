//! A one-time permission to make an account.

use sea_orm::entity::prelude::*;

/// A one-time permission to make an account.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the code, unique.
    pub code_hash: Vec<u8>,
    /// Only for this address.
    pub email: Option<String>,
    /// The role it gives.
    pub role: String,
    /// Who made it.
    pub created_by: Uuid,
    /// When.
    pub created_ms: i64,
    /// Until when it works.
    pub expires_ms: i64,
    /// When it was used or withdrawn.
    pub used_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
