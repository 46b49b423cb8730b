//! Many rows into one table, in the dialects of both engines.
//!
//! SQLite is given the rows as parameters of few statements, whose texts repeat and stay prepared: reading
//! them out of one JSON parameter takes it three times as long. PostgreSQL is given them as that one
//! parameter, because its way to the database is longer.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement, Value,
};
use serde_json::Value as Json;

/// Rows of one statement, largest first: any number of rows is a few of these. 1,024 rows of the widest
/// table are far below SQLite's 32,766 parameters.
const SIZES: [usize; 11] = [1_024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1];

/// How a table is written.
pub(super) struct Table {
    /// The statement before its rows, one row, and what comes after them.
    pub sqlite: (&'static str, &'static str, &'static str),
    /// The statement; its parameter is an array of rows.
    pub postgres: &'static str,
}

impl Table {
    /// Writes rows, each a JSON array of its columns; gives what the statement returns.
    pub(super) async fn write(
        &self,
        transaction: &DatabaseTransaction,
        rows: Vec<Json>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let backend = transaction.get_database_backend();
        if backend != DbBackend::Sqlite {
            let values = [Json::Array(rows).into()];
            let statement = Statement::from_sql_and_values(backend, self.postgres, values);
            return transaction.query_all_raw(statement).await;
        }
        let mut returned = Vec::new();
        let mut rows = rows.into_iter();
        for size in SIZES {
            while rows.len() >= size {
                let values = rows.by_ref().take(size).flat_map(columns);
                let statement = Statement::from_sql_and_values(backend, self.text(size), values);
                returned.extend(transaction.query_all_raw(statement).await?);
            }
        }
        Ok(returned)
    }

    fn text(&self, rows: usize) -> String {
        let (before, row, after) = self.sqlite;
        let mut text = String::with_capacity(before.len() + rows * (row.len() + 2) + after.len());
        text.push_str(before);
        for number in 0..rows {
            if number > 0 {
                text.push_str(", ");
            }
            text.push_str(row);
        }
        text.push_str(after);
        text
    }
}

fn columns(row: Json) -> impl Iterator<Item = Value> {
    let columns = match row {
        Json::Array(columns) => columns,
        other => vec![other],
    };
    columns.into_iter().map(|column| match column {
        Json::Null => Value::BigInt(None),
        Json::Bool(truth) => truth.into(),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().into(),
        },
        Json::String(text) => text.into(),
        nested => nested.to_string().into(),
    })
}
