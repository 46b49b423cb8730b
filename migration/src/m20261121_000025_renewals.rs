//! What took a certificate's place, and which certificates are one app's.

#![allow(clippy::wildcard_imports, reason = "the vocabulary of a migration")]

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the installation that a certificate is of, and what replaced it.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 2] = ["installation", "replaced_by"];

/// Each app had one certificate until now.
const APPS: &str = "UPDATE certificate SET installation = serial WHERE user_id IS NOT NULL";

/// A certificate that ended while a newer one of its device went on was replaced by that, unless somebody revoked it
/// singly; whoever revokes a device ends all of its certificates at one moment.
const DEVICES: &str = "UPDATE certificate SET replaced_by = (\
    SELECT newer.serial FROM certificate AS newer \
    WHERE newer.device_id = certificate.device_id AND newer.issued_ms > certificate.issued_ms \
    AND newer.issued_ms <= certificate.revoked_ms \
    AND (newer.revoked_ms IS NULL OR newer.revoked_ms > certificate.revoked_ms) \
    ORDER BY newer.issued_ms DESC LIMIT 1) \
    WHERE device_id IS NOT NULL AND revoked_ms IS NOT NULL AND serial NOT IN (\
    SELECT target FROM audit WHERE action = 'certificates.revoke' AND target IS NOT NULL)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let mut change = Table::alter();
            change.table("certificate").add_column(text_null(column));
            manager.alter_table(change.take()).await?;
        }
        let connection = manager.get_connection();
        for filled in [APPS, DEVICES] {
            connection.execute_unprepared(filled).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let mut change = Table::alter();
            change.table("certificate").drop_column(column);
            manager.alter_table(change.take()).await?;
        }
        Ok(())
    }
}
