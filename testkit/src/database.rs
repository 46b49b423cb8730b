//! A fresh database for each test: an SQLite file, and a schema of its own on PostgreSQL.

use std::path::PathBuf;

use sea_orm::ConnectionTrait;
use service::Database;
use tempfile::TempDir;

/// Names the PostgreSQL server that tests may use, as a role that may make databases.
/// `cargo xtask test` starts one and sets it.
pub const POSTGRES_URL: &str = "MADANG_TEST_POSTGRES_URL";

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// Opened and migrated.
    pub database: Database,
    /// Where it is.
    pub url: String,
    _folder: Option<TempDir>,
}

/// A new SQLite database in a temporary folder.
pub async fn sqlite() -> TestDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = folder.path().join("madang.db");
    let url = format!("sqlite://{}", path.display());
    TestDatabase {
        database: Database::open(&url, 1).await.expect("an SQLite database"),
        url,
        _folder: Some(folder),
    }
}

/// A new PostgreSQL database on the server that [`POSTGRES_URL`] names; `None` where it names none.
pub async fn postgres() -> Option<TestDatabase> {
    let url = postgres_url().await?;
    Some(TestDatabase {
        database: Database::open(&url, 8)
            .await
            .expect("a PostgreSQL database"),
        url,
        _folder: None,
    })
}

/// As [`postgres`], for who opens it.
pub async fn postgres_url() -> Option<String> {
    let server = std::env::var(POSTGRES_URL).ok()?;
    let name = format!("madang_{}", uuid::Uuid::new_v4().simple());
    let admin = sea_orm::Database::connect(&server)
        .await
        .expect("the PostgreSQL server of the tests");
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .expect("a new database");
    let mut url = url::Url::parse(&server).expect("a URL");
    url.set_path(&name);
    Some(url.to_string())
}

/// A new database of each engine that is there.
#[allow(clippy::print_stderr, reason = "shown by the test runner")]
pub async fn each_engine() -> Vec<TestDatabase> {
    let mut databases = vec![sqlite().await];
    match postgres().await {
        Some(database) => databases.push(database),
        None => eprintln!("{POSTGRES_URL} is not set: PostgreSQL is not tested"),
    }
    databases
}
