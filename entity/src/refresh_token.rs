//! A rotating refresh token of the REST interface.

use sea_orm::entity::prelude::*;

/// A rotating refresh token of the REST interface.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    /// All tokens of one sign-in; using a used one ends the family.
    pub family: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was exchanged.
    pub used_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
