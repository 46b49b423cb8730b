//! The history of the schema: expand first, contract a release later.

use sea_orm_migration::MigrationTrait;
pub use sea_orm_migration::MigratorTrait;

mod m20261121_000001_foundation;
mod m20261121_000002_retention;
mod m20261121_000003_catalog;
mod m20261121_000004_twin_jobs;
mod m20261121_000005_finding;
mod m20261121_000006_identity;
mod m20261121_000007_imports;
mod m20261121_000018_former_addresses;
mod m20261121_000022_tag_acts;
mod m20261121_000023_old_commands;
mod m20261121_000025_renewals;
mod m20261121_000026_taken_back;

/// Every migration, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_foundation::Migration),
            Box::new(m20261121_000002_retention::Migration),
            Box::new(m20261121_000003_catalog::Migration),
            Box::new(m20261121_000004_twin_jobs::Migration),
            Box::new(m20261121_000005_finding::Migration),
            Box::new(m20261121_000006_identity::Migration),
            Box::new(m20261121_000007_imports::Migration),
            Box::new(m20261121_000018_former_addresses::Migration),
            Box::new(m20261121_000022_tag_acts::Migration),
            Box::new(m20261121_000023_old_commands::Migration),
            Box::new(m20261121_000025_renewals::Migration),
            Box::new(m20261121_000026_taken_back::Migration),
        ]
    }
}
