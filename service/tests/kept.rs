//! How things are kept: what was done to the schema, passwords, and each identifier once.

#![allow(clippy::unwrap_used)]

use domain::{AppError, role::SiteRole};
use migration::{Migrator, MigratorTrait};
use sea_orm::EntityTrait;
use service::{
    catalog,
    devices::{self, NewDevice},
};
use testkit::{database::each_engine, device::computer, site::Site};

#[tokio::test]
async fn the_database_says_what_was_done_to_its_schema() {
    for database in each_engine().await {
        let write = &database.database.write;
        let done = Migrator::get_applied_migrations(write).await.unwrap();
        assert_eq!(done.len(), Migrator::migrations().len());
        let waits = Migrator::get_pending_migrations(write).await.unwrap();
        assert!(waits.is_empty());
    }
}

#[tokio::test]
async fn a_password_is_kept_as_a_hash_with_a_salt_of_its_own() {
    for database in each_engine().await {
        let site = Site::on(database);
        let admin = site.set_up().await;
        site.person(&admin, "kim@example.org", SiteRole::Member)
            .await;
        let people = entity::user::Entity::find()
            .all(&site.services.db.read)
            .await
            .unwrap();
        let hashes: Vec<_> = people.into_iter().map(|row| row.password_hash).collect();
        assert_eq!(hashes.len(), 2);
        assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$")));
        assert_ne!(hashes[0], hashes[1], "both have the same password");
    }
}

#[tokio::test]
async fn a_known_serial_number_or_uuid_is_registered_once() {
    for database in each_engine().await {
        let site = Site::on(database);
        let services = &site.services;
        catalog::seed(services).await.unwrap();
        let admin = site.set_up().await.require_admin().unwrap();
        let known = devices::preregister(services, &admin, computer("K-1"))
            .await
            .unwrap();
        let refused = async |new: NewDevice| {
            let made = devices::preregister(services, &admin, new).await;
            made.map(|made| made.id).unwrap_err()
        };
        let serial = refused(computer("K-1")).await;
        assert_eq!(serial, AppError::conflict("serial_known"));
        let uuid = refused(NewDevice {
            uuid: Some(known.id),
            ..computer("K-2")
        })
        .await;
        assert_eq!(uuid, AppError::conflict("uuid_known"));
    }
}
