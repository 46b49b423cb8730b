//! Everything that was desired beneath a wish that may be taken back, and how often a command was published.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// Makes a list of what was desired before, and counts publications.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// One wish was kept until now, without the command that made it: nothing takes it back.
const SQLITE: &str = "UPDATE desired SET previous = \
    json_array(json_object('lasting', json_object('wanted', json(previous), 'at_ms', set_ms))) \
    WHERE previous IS NOT NULL";
const POSTGRES: &str = "UPDATE desired SET previous = \
    jsonb_build_array(jsonb_build_object('lasting', \
    jsonb_build_object('wanted', previous, 'at_ms', set_ms))) \
    WHERE previous IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut change = Table::alter();
        change
            .table("command")
            .add_column(integer("deliveries").default(0));
        manager.alter_table(change.take()).await?;
        let converted = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        let connection = manager.get_connection();
        connection.execute_unprepared(converted).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection
            .execute_unprepared("UPDATE desired SET previous = NULL")
            .await?;
        let mut change = Table::alter();
        change.table("command").drop_column("deliveries");
        manager.alter_table(change.take()).await
    }
}
