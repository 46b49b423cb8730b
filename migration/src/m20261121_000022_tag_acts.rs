//! Tags put on and taken off many devices at once, until nobody undoes it any more.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the acts.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut acts = Table::create();
        acts.table("tag_act")
            .col(big_integer("id").primary_key().auto_increment())
            .col(uuid("user_id"))
            .col(big_integer("at_ms"))
            .col(json_binary("added"))
            .col(json_binary("removed"))
            .col(big_integer_null("undone_ms"));
        manager.create_table(acts.take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::drop();
        table.table("tag_act");
        manager.drop_table(table.take()).await
    }
}
