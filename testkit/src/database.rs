//! A fresh database for each test: an SQLite file, and a schema of its own on PostgreSQL.

use std::path::PathBuf;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
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

/// A transaction held open, at which others stop in the middle of theirs: on PostgreSQL at one table, on
/// SQLite before they begin, because its one writer is taken.
#[derive(Debug)]
pub struct Gate {
    database: Database,
    held: DatabaseTransaction,
}

impl Gate {
    /// Who writes `table` stops; who only reads or locks its rows passes.
    pub async fn before_writing(database: &Database, table: &str) -> Self {
        Self::closed(database, table, "SHARE").await
    }

    /// Who reads or writes `table` stops.
    pub async fn before_reading(database: &Database, table: &str) -> Self {
        Self::closed(database, table, "ACCESS EXCLUSIVE").await
    }

    async fn closed(database: &Database, table: &str, mode: &str) -> Self {
        let held = database.write.begin().await.expect("a transaction");
        if database.backend() == DbBackend::Postgres {
            let lock = format!("LOCK TABLE \"{table}\" IN {mode} MODE");
            held.execute_unprepared(&lock).await.expect("a lock");
        }
        Self {
            database: database.clone(),
            held,
        }
    }

    /// The transaction itself, for what is to be committed when it opens.
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.held
    }

    /// Waits until so many have stopped, here or behind one who has. On SQLite they queue in the order in
    /// which they were spawned.
    pub async fn stopped(&self, many: i64) {
        self.stopped_or(many, || false).await;
    }

    /// As [`Gate::stopped`], or until `over` says that somebody came through.
    pub async fn stopped_or(&self, many: i64, over: impl Fn() -> bool) {
        if self.database.backend() != DbBackend::Postgres {
            return tokio::task::yield_now().await;
        }
        let count = "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        crate::until("others at the gate", async || {
            let count = Statement::from_string(DbBackend::Postgres, count);
            let row = self.database.read.query_one_raw(count).await;
            let row = row.expect("an answer").expect("a row");
            let stopped: i64 = row.try_get_by_index(0).expect("a number");
            (stopped >= many || over()).then_some(())
        })
        .await;
    }

    /// Lets everybody on.
    pub async fn open(self) {
        self.held.commit().await.expect("a commit");
    }
}
