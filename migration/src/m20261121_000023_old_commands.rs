//! The index by which commands that ended long ago are found.

use sea_orm_migration::prelude::*;

/// Creates the index.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ENDED: &str = "idx_command_by_end";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::create();
        index.name(ENDED).table("command").col("finished_ms");
        manager.create_index(index.take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name(ENDED).table("command");
        manager.drop_index(index).await
    }
}
