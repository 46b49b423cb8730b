//! A key for `X-API-Key`.

use sea_orm::entity::prelude::*;

/// A key for `X-API-Key`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the key, unique.
    pub key_hash: Vec<u8>,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last used.
    pub last_used_ms: Option<i64>,
    /// When it was taken back.
    pub revoked_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
