//! The database: SQLite with one writer and several readers, or PostgreSQL with one pool.

use sea_orm::DatabaseConnection;

/// Where rows are read and written.
///
/// On SQLite `write` is a pool of exactly one connection, so that writers queue here and not in
/// `SQLITE_BUSY`; on PostgreSQL both are the same pool.
#[derive(Debug, Clone)]
pub struct Database {
    /// For queries outside a transaction that writes.
    pub read: DatabaseConnection,
    /// For everything that writes.
    pub write: DatabaseConnection,
}
