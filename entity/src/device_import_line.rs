//! One line of an import: what was wished, and what became of it.

use sea_orm::entity::prelude::*;

/// One line of an import: what was wished, and what became of it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "device_import_line")]
pub struct Model {
    /// The import.
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: Uuid,
    /// Its number in the file, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i32,
    /// The cells by column, as they were given.
    pub wish: Json,
    /// Whether nothing has become of it yet.
    pub waits: bool,
    /// The device that was made of it, or whose code it renewed.
    pub device_id: Option<i64>,
    /// Its code, encrypted, for a short time.
    pub code: Option<Vec<u8>>,
    /// Which column was refused; none where it was the whole line.
    pub refused_column: Option<String>,
    /// The key of the sentence that says why.
    pub refused: Option<String>,
}

/// Relations are joined by hand in `service`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
