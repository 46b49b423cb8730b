//! A browser's sign-in: opaque and server-side.

use sea_orm::entity::prelude::*;

/// A browser's sign-in: opaque and server-side.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// SHA-256 of the cookie's token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: Vec<u8>,
    /// Whose.
    pub user_id: Uuid,
    /// When it began.
    pub created_ms: i64,
    /// When it was last used, to the minute.
    pub last_seen_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// The browser's own words, shortened.
    pub user_agent: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
