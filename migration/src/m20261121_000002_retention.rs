//! How long each device's reports are kept, and from when on a component's history is complete.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Adds retention per device and the marks that rollups are computed by.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut columns = vec![("device", integer_null("keep_reports_days"))];
        for name in ["reports_from_ms", "minutes_from_ms"] {
            columns.push(("component", big_integer(name).default(0).take()));
        }
        for (table, column) in columns {
            let mut change = Table::alter();
            change.table(table).add_column(column);
            manager.alter_table(change.take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("device", "keep_reports_days"),
            ("component", "reports_from_ms"),
            ("component", "minutes_from_ms"),
        ] {
            let mut change = Table::alter();
            change.table(table).drop_column(column);
            manager.alter_table(change.take()).await?;
        }
        Ok(())
    }
}
