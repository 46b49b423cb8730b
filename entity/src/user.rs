//! A person's account.

use sea_orm::entity::prelude::*;

/// A person's account.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Public id; the Common Name of app certificates.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Normalised address, unique.
    pub email: String,
    /// What to call them.
    pub name: String,
    /// PHC string of argon2id (or bcrypt, until the next sign-in).
    pub password_hash: String,
    /// `domain::role::SiteRole`.
    pub role: String,
    /// Chosen language; none means the browser's.
    pub language: Option<String>,
    /// Chosen theme; none means the system's.
    pub theme: Option<String>,
    /// When they joined.
    pub created_ms: i64,
    /// When they last signed in.
    pub last_sign_in_ms: Option<i64>,
    /// Since when they may not sign in.
    pub disabled_ms: Option<i64>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
