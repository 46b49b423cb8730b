//! Pairs of characters of names and serials: finds any two Korean syllables.

use sea_orm::entity::prelude::*;

/// Pairs of characters of names and serials: finds any two Korean syllables.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "search_gram")]
pub struct Model {
    /// Two characters, NFC, lower case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub gram: String,
    /// The device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_id: i64,
    /// Whose nickname it is from; the nil UUID for name and serial.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
