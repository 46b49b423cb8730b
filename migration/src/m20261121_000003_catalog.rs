//! The catalog: hardware and pin rules beside the component types, and what a component needs of them.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Adds hardware versions, variants and pin rules; addresses and silence of components.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// One rule for each pin and mode of a type on one piece of hardware; one without a pin counts as one too.
const ONE_RULE: &str = "CREATE UNIQUE INDEX idx_pin_rule ON pin_rule (hardware_version, \
    hardware_variant, component_type, COALESCE(pin_number, -1), COALESCE(pin_mode, ''))";

const ADDED: [(&str, &str); 3] = [
    ("component_type", "deleted_ms"),
    ("component", "silent_since_ms"),
    ("component", "address"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in ADDED {
            let definition = match column {
                "address" => text_null(column),
                _ => big_integer_null(column),
            };
            let mut change = Table::alter();
            change.table(table).add_column(definition);
            manager.alter_table(change.take()).await?;
        }
        for mut table in tables() {
            manager.create_table(table.take()).await?;
        }
        let mut names = Index::create();
        names
            .name("idx_hardware_variant_name")
            .table("hardware_variant")
            .col("name")
            .unique();
        manager.create_index(names.take()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(ONE_RULE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["pin_rule", "hardware_variant", "hardware_version"] {
            manager
                .drop_table(Table::drop().table(name).to_owned())
                .await?;
        }
        for (table, column) in ADDED {
            let mut change = Table::alter();
            change.table(table).drop_column(column);
            manager.alter_table(change.take()).await?;
        }
        Ok(())
    }
}

fn tables() -> [TableCreateStatement; 3] {
    [
        Table::create()
            .table("hardware_version")
            .col(text("version").primary_key())
            .col(text("name"))
            .col(text("kind"))
            .col(text("header"))
            .col(text_null("description"))
            .col(big_integer_null("deleted_ms"))
            .to_owned(),
        Table::create()
            .table("hardware_variant")
            .col(big_integer("id").auto_increment().primary_key())
            .col(text("name"))
            .col(text_null("description"))
            .col(big_integer_null("deleted_ms"))
            .to_owned(),
        Table::create()
            .table("pin_rule")
            .col(big_integer("id").auto_increment().primary_key())
            .col(text("hardware_version"))
            .col(text("hardware_variant"))
            .col(text("component_type"))
            .col(integer_null("pin_number"))
            .col(text_null("pin_mode"))
            .col(text_null("default_state"))
            .col(text_null("description"))
            .col(big_integer_null("deleted_ms"))
            .to_owned(),
    ]
}
