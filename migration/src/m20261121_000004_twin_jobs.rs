//! What is desired of devices, what a command may do beside being sent once, and jobs of many devices.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Adds desired states, the options of commands, and jobs.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in command_columns() {
            let mut change = Table::alter();
            change.table("command").add_column(column);
            manager.alter_table(change.take()).await?;
        }
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["job_device", "job", "desired"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        for column in command_columns() {
            let mut change = Table::alter();
            change
                .table("command")
                .drop_column(column.get_column_name());
            manager.alter_table(change.take()).await?;
        }
        Ok(())
    }
}

fn command_columns() -> Vec<ColumnDef> {
    vec![
        boolean("transient").default(false).take(),
        small_integer("retries_left").default(0).take(),
        integer("attempt").default(1).take(),
        big_integer("retry_wait_ms").default(0).take(),
        uuid_null("retry_of").take(),
        big_integer("not_before_ms").default(0).take(),
        big_integer_null("timeout_ms").take(),
        big_integer_null("answered_ms").take(),
        uuid_null("job_id").take(),
    ]
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("desired")
            .col(big_integer("device_id"))
            .col(text("component_key"))
            .col(json_binary("wanted"))
            .col(json_binary_null("previous"))
            .col(big_integer("ownership"))
            .col(uuid_null("set_by"))
            .col(big_integer("set_ms"))
            .col(uuid_null("command_id"))
            .col(small_integer("attempts"))
            .col(big_integer("next_ms"))
            .col(boolean("differs"))
            .col(boolean("by_set"))
            .primary_key(Index::create().col("device_id").col("component_key"))
            .to_owned(),
        Table::create()
            .table("job")
            .col(uuid("id").primary_key())
            .col(text("title"))
            .col(uuid_null("created_by"))
            .col(big_integer("created_ms"))
            .col(text("state"))
            .col(text("name"))
            .col(text_null("component_key"))
            .col(json_binary("arguments"))
            .col(boolean("transient"))
            .col(json_binary("target"))
            .col(integer("total"))
            .col(integer("concurrency"))
            .col(big_integer("stagger_ms"))
            .col(big_integer("expires_ms"))
            .col(big_integer("timeout_ms"))
            .col(small_integer("retries"))
            .col(big_integer("retry_wait_ms"))
            .col(uuid_null("parent_id"))
            .col(big_integer_null("finished_ms"))
            .to_owned(),
        Table::create()
            .table("job_device")
            .col(uuid("job_id"))
            .col(big_integer("device_id"))
            .col(integer("position"))
            .col(big_integer("ownership"))
            .col(text("state"))
            .col(text_null("reason"))
            .col(small_integer_null("progress"))
            .col(json_binary_null("output"))
            .col(uuid_null("command_id"))
            .col(big_integer_null("started_ms"))
            .col(big_integer_null("finished_ms"))
            .primary_key(Index::create().col("job_id").col("device_id"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("idx_desired_due")
            .table("desired")
            .col("differs")
            .col("next_ms")
            .to_owned(),
        Index::create()
            .name("idx_command_by_job")
            .table("command")
            .col("job_id")
            .to_owned(),
        Index::create()
            .name("idx_job_by_created")
            .table("job")
            .col("created_ms")
            .to_owned(),
        Index::create()
            .name("idx_job_by_state")
            .table("job")
            .col("state")
            .to_owned(),
        Index::create()
            .name("idx_job_device_by_state")
            .table("job_device")
            .col("job_id")
            .col("state")
            .col("position")
            .to_owned(),
        Index::create()
            .name("idx_job_device_by_device")
            .table("job_device")
            .col("device_id")
            .to_owned(),
    ]
}
