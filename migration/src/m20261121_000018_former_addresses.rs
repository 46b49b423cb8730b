//! The addresses that people had before: valid for a while after a change.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the former addresses.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut former = Table::create();
        former
            .table("former_address")
            .col(uuid("user_id"))
            .col(text("email"))
            .col(big_integer("until_ms"))
            .primary_key(Index::create().col("user_id").col("email"));
        manager.create_table(former.take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::drop();
        table.table("former_address");
        manager.drop_table(table.take()).await
    }
}
