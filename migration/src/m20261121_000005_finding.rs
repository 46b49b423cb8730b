//! Finding devices again: tags, saved views, and what is wrong with a device's connection or clock.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Creates tags, saved views and health, and the index by which presence's history is read.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 3] = ["device_tag", "saved_view", "device_health"];
const EVENTS_OF_DEVICE: &str = "idx_device_event_by_kind";
const EVENTS_BY_TIME: &str = "idx_device_event_by_time";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut table in tables() {
            manager.create_table(table.take()).await?;
        }
        for mut index in indexes() {
            manager.create_index(index.take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [EVENTS_OF_DEVICE, EVENTS_BY_TIME] {
            let mut index = Index::drop();
            index.name(name).table("device_event");
            manager.drop_index(index).await?;
        }
        for name in TABLES {
            let mut table = Table::drop();
            table.table(name);
            manager.drop_table(table.take()).await?;
        }
        Ok(())
    }
}

fn tables() -> [TableCreateStatement; 3] {
    [
        Table::create()
            .table("device_tag")
            .col(text("tag"))
            .col(big_integer("device_id"))
            .primary_key(Index::create().col("tag").col("device_id"))
            .to_owned(),
        Table::create()
            .table("saved_view")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(text("name"))
            .col(text("address"))
            .col(boolean("shared"))
            .col(big_integer("created_ms"))
            .to_owned(),
        Table::create()
            .table("device_health")
            .col(big_integer("device_id").primary_key())
            .col(big_integer_null("flapping_since_ms"))
            .col(integer_null("flapping_connections"))
            .col(big_integer_null("skewed_since_ms"))
            .col(big_integer_null("skew_ms"))
            .to_owned(),
    ]
}

fn indexes() -> [IndexCreateStatement; 4] {
    [
        Index::create()
            .name("idx_device_tag_device")
            .table("device_tag")
            .col("device_id")
            .to_owned(),
        Index::create()
            .name("idx_saved_view_user")
            .table("saved_view")
            .col("user_id")
            .to_owned(),
        Index::create()
            .name(EVENTS_OF_DEVICE)
            .table("device_event")
            .col("device_id")
            .col("kind")
            .col("at_ms")
            .to_owned(),
        Index::create()
            .name(EVENTS_BY_TIME)
            .table("device_event")
            .col("kind")
            .col("at_ms")
            .to_owned(),
    ]
}
