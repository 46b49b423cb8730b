//! Pre-registering thousands of devices from a file, and new codes for many labels.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Creates imports and their lines.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut import = Table::create();
        import
            .table("device_import")
            .col(uuid("id").primary_key())
            .col(text("kind"))
            .col(text("name"))
            .col(uuid("by_id"))
            .col(text("by_name"))
            .col(big_integer("created_ms"))
            .col(big_integer_null("finished_ms"))
            .col(boolean("cancelled"))
            .col(integer("total"))
            .col(integer("made"))
            .col(integer("refused"))
            .col(big_integer_null("codes_until_ms"));
        manager.create_table(import.take()).await?;
        let mut line = Table::create();
        line.table("device_import_line")
            .col(uuid("import_id"))
            .col(integer("line"))
            .col(json("wish"))
            .col(boolean("waits"))
            .col(big_integer_null("device_id"))
            .col(blob_null("code"))
            .col(text_null("refused_column"))
            .col(text_null("refused"))
            .primary_key(Index::create().col("import_id").col("line"));
        manager.create_table(line.take()).await?;
        let mut waiting = Index::create();
        waiting
            .name("idx_device_import_line_waits")
            .table("device_import_line")
            .col("import_id")
            .col("waits")
            .col("line");
        manager.create_index(waiting.take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["device_import_line", "device_import"] {
            let mut table = Table::drop();
            table.table(name);
            manager.drop_table(table.take()).await?;
        }
        Ok(())
    }
}
