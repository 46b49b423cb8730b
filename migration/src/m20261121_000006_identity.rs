//! Identity: what a device is known to be, what was found, what is kept apart, and who was told.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the tables of identity and the notifications of people.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 4] = [
    "identity_known",
    "identity_finding",
    "identity_quarantine",
    "notification",
];

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
        for name in TABLES.iter().rev() {
            let mut table = Table::drop();
            table.table(*name);
            manager.drop_table(table).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("identity_known")
            .col(big_integer("device_id").primary_key())
            .col(text_null("storage_id"))
            .col(json_binary("macs"))
            .col(big_integer_null("held_finding_id"))
            .col(big_integer_null("blocked_ms"))
            .col(big_integer("quarantined").default(0))
            .to_owned(),
        Table::create()
            .table("identity_finding")
            .col(big_integer("id").auto_increment().primary_key())
            .col(big_integer("device_id"))
            .col(big_integer_null("other_device_id"))
            .col(text("kind"))
            .col(text("state"))
            .col(text("reaction"))
            .col(json_binary("known"))
            .col(json_binary("said"))
            .col(text("speaker"))
            .col(big_integer("opened_ms"))
            .col(big_integer("last_ms"))
            .col(integer("count"))
            .col(text_null("act"))
            .col(uuid_null("resolved_by"))
            .col(big_integer_null("resolved_ms"))
            .col(json_binary_null("before"))
            .to_owned(),
        Table::create()
            .table("identity_quarantine")
            .col(big_integer("id").auto_increment().primary_key())
            .col(big_integer("device_id"))
            .col(big_integer_null("finding_id"))
            .col(big_integer("session"))
            .col(big_integer("component_id"))
            .col(big_integer("at_ms"))
            .col(big_integer("sequence"))
            .col(big_integer("received_ms"))
            .col(boolean("late"))
            .col(text_null("status"))
            .col(json_binary("readings"))
            .col(text("state"))
            .col(big_integer_null("changed_ms"))
            .to_owned(),
        Table::create()
            .table("notification")
            .col(big_integer("id").auto_increment().primary_key())
            .col(uuid("user_id"))
            .col(big_integer("at_ms"))
            .col(text("kind"))
            .col(big_integer_null("device_id"))
            .col(big_integer_null("finding_id"))
            .col(big_integer_null("read_ms"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("idx_identity_finding_by_device")
            .table("identity_finding")
            .col("device_id")
            .col("id")
            .to_owned(),
        Index::create()
            .name("idx_identity_finding_by_state")
            .table("identity_finding")
            .col("state")
            .col("id")
            .to_owned(),
        Index::create()
            .name("idx_identity_quarantine_by_device")
            .table("identity_quarantine")
            .col("device_id")
            .col("state")
            .to_owned(),
        Index::create()
            .name("idx_identity_quarantine_by_finding")
            .table("identity_quarantine")
            .col("finding_id")
            .col("state")
            .to_owned(),
        Index::create()
            .name("idx_identity_quarantine_by_state")
            .table("identity_quarantine")
            .col("state")
            .col("changed_ms")
            .to_owned(),
        Index::create()
            .name("idx_notification_by_user")
            .table("notification")
            .col("user_id")
            .col("id")
            .to_owned(),
        Index::create()
            .name("idx_notification_unread")
            .table("notification")
            .col("user_id")
            .col("read_ms")
            .to_owned(),
    ]
}
