//! The database: SQLite with one writer and several readers, or PostgreSQL with one pool.
//!
//! What was committed survives a power cut: SQLite runs in WAL mode with `synchronous = FULL`.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
    sqlx::{
        Connection as _,
        sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use url::Url;

use crate::apart::joined;

/// Readers of an SQLite database next to its one writer.
const SQLITE_READERS: u32 = 4;
/// Pages kept by the writer and by each reader, in KiB.
const SQLITE_CACHE_KIB: i32 = 4_096;
/// Pages of the log after which it is folded into the database: a page that many commits change is then
/// written there once, and a start after a power cut reads no more than 32 MiB.
const SQLITE_FOLD_AFTER: u32 = 8_192;
/// Rows that a connection reads ahead.
const ROWS_AT_ONCE: usize = 256;
/// How long a query may wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where rows are read and written.
///
/// On SQLite `write` is a pool of exactly one connection, so that writers queue here and not in
/// `SQLITE_BUSY`; on PostgreSQL both are the same pool.
#[derive(Debug, Clone)]
pub struct Database {
    /// For queries outside a transaction that writes.
    pub read: Reader,
    /// For everything that writes.
    pub write: DatabaseConnection,
}

/// Reads, each query in a task of its own.
///
/// A page polls the part of it that comes next and no other one. If a part asked for a connection itself and was given
/// one while nobody polls it, it would keep it from the part that everybody waits for.
#[derive(Debug, Clone)]
pub struct Reader(DatabaseConnection);

/// Asks in a task of its own, and waits for the answer; who does not wait any more does not ask any more.
async fn asked<T: Send + 'static>(
    query: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    let task = AbortOnDropHandle::new(tokio::spawn(query.in_current_span()));
    joined(task).await.unwrap_or_else(|| {
        Err(DbErr::Conn(RuntimeErr::Internal(
            "the process ends".to_owned(),
        )))
    })
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let pool = self.0.clone();
        asked(async move { pool.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let (pool, sql) = (self.0.clone(), sql.to_owned());
        asked(async move { pool.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let pool = self.0.clone();
        asked(async move { pool.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let pool = self.0.clone();
        asked(async move { pool.query_all_raw(statement).await }).await
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Neither `sqlite://…` nor `postgres://…`.
    #[error("the database must be `sqlite://path` or `postgres://…`, not `{0}`")]
    Scheme(String),
    /// The folder of an SQLite file cannot be made.
    #[error("{folder}: {source}")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be reached, or a migration failed.
    #[error("{name}: {source}")]
    Database {
        /// Which, without its password.
        name: String,
        /// Why.
        source: DbErr,
    },
}

impl Database {
    /// Opens the database at `url` (`sqlite://path` or `postgres://user:password@host/name`) with up
    /// to `connections` to PostgreSQL, makes it where it is an SQLite file that does not exist, and
    /// brings its schema up to date.
    pub async fn open(url: &str, connections: u32) -> Result<Self, DatabaseError> {
        let name = without_password(url);
        let failed = |source| DatabaseError::Database {
            name: name.clone(),
            source,
        };
        let database = if url.starts_with("sqlite:") {
            make_folder_of(url)?;
            let write = connect_sqlite(url, 1, false).await.map_err(failed)?;
            Migrator::up(&write, None).await.map_err(failed)?;
            let read = connect_sqlite(url, SQLITE_READERS, true)
                .await
                .map_err(failed)?;
            let read = Reader(read);
            Self { read, write }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pool = connect_postgres(url, connections.max(2))
                .await
                .map_err(failed)?;
            migrate_postgres(&pool).await.map_err(failed)?;
            Self {
                read: Reader(pool.clone()),
                write: pool,
            }
        } else {
            return Err(DatabaseError::Scheme(name));
        };
        Ok(database)
    }

    /// Which of the two engines it is.
    pub fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.0.ping().await
    }

    /// Closes every connection; SQLite folds its log into the database.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.read.0.close_by_ref().await?;
        self.write.close_by_ref().await
    }
}

async fn connect_sqlite(
    url: &str,
    connections: u32,
    read: bool,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(u32::from(!read))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_mins(1))
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_pool_opts(move |pool| {
            // A reader has nothing that could be rolled back.
            if read {
                return pool;
            }
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // Behind a rollback that is under way.
                    connection.ping().await?;
                    // SQLite ends a transaction by itself where the disk is full. The driver's rollback fails then, it
                    // believes to be within a transaction for ever, and what it calls a commit is none.
                    Ok(!connection.is_in_transaction())
                })
            })
        })
        .map_sqlx_sqlite_opts(move |o: SqliteConnectOptions| {
            let o = o
                // A whole page of a list, so that reading it does not stop halfway for whoever takes the rows.
                .row_buffer_size(ROWS_AT_ONCE)
                .create_if_missing(!read)
                .busy_timeout(ACQUIRE_TIMEOUT)
                .foreign_keys(true)
                .statement_cache_capacity(64)
                .pragma("cache_size", format!("-{SQLITE_CACHE_KIB}"))
                .pragma("temp_store", "memory");
            if read {
                // The writer made the database and its mode; a reader never writes.
                o.pragma("query_only", "on")
            } else {
                o.auto_vacuum(SqliteAutoVacuum::Incremental)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("wal_autocheckpoint", SQLITE_FOLD_AFTER.to_string())
                    .pragma("journal_size_limit", "67108864")
            }
        });
    sea_orm::Database::connect(options).await
}

async fn connect_postgres(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .set_application_name("madang");
    sea_orm::Database::connect(options).await
}

/// One process migrates, the others wait for it.
async fn migrate_postgres(pool: &DatabaseConnection) -> Result<(), DbErr> {
    use sea_orm::TransactionTrait;
    let lock = pool.begin().await?;
    lock.execute_unprepared("SELECT pg_advisory_xact_lock(5353014)")
        .await?;
    Migrator::up(pool, None).await?;
    lock.commit().await
}

fn make_folder_of(url: &str) -> Result<(), DatabaseError> {
    let path = url
        .trim_start_matches("sqlite:")
        .trim_start_matches("//")
        .split('?')
        .next()
        .unwrap_or_default();
    match Path::new(path).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|source| DatabaseError::Folder {
                folder: folder.display().to_string(),
                source,
            })
        }
        _ => Ok(()),
    }
}

fn without_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}
