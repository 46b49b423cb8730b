//! Many rows into one table, in the dialects of both engines.
//!
//! SQLite is given the rows as parameters of few statements, whose texts repeat and stay prepared: reading
//! them out of one JSON parameter takes it three times as long. PostgreSQL is given them as that one
//! parameter, because its way to the database is longer.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement, Value,
};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// Rows of one statement, largest first: any number of rows is a few of these. 1,024 rows of the widest
/// table are far below SQLite's 32,766 parameters.
const SIZES: [usize; 11] = [1_024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1];

/// How a table is written.
pub(super) struct Table {
    /// The statement before its rows, one row, and what comes after them.
    pub sqlite: (&'static str, &'static str, &'static str),
    /// The statement; its parameter is the text of a JSON array of rows, bytes in it as hexadecimal.
    pub postgres: &'static str,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Column {
    Bool(bool),
    Integer(Option<i64>),
    Text(Option<String>),
    /// The text of a JSON value.
    Json(String),
    Bytes(Vec<u8>),
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        match column {
            Column::Bool(truth) => truth.into(),
            Column::Integer(number) => number.into(),
            Column::Text(text) => text.into(),
            Column::Json(json) => json.into(),
            Column::Bytes(bytes) => bytes.into(),
        }
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(truth) => truth.serialize(serializer),
            Self::Integer(number) => number.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Json(json) => serde_json::from_str::<&RawValue>(json)
                .map_err(S::Error::custom)?
                .serialize(serializer),
            Self::Bytes(bytes) => hex::encode(bytes).serialize(serializer),
        }
    }
}

impl Table {
    /// Writes rows; gives what the statement returns.
    pub(super) async fn write<const N: usize>(
        &self,
        transaction: &DatabaseTransaction,
        rows: Vec<[Column; N]>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let backend = transaction.get_database_backend();
        if backend != DbBackend::Sqlite {
            let rows: Vec<&[Column]> = rows.iter().map(<[Column; N]>::as_slice).collect();
            let text = serde_json::to_string(&rows).map_err(|e| DbErr::Json(e.to_string()))?;
            let statement = Statement::from_sql_and_values(backend, self.postgres, [text.into()]);
            return transaction.query_all_raw(statement).await;
        }
        let mut returned = Vec::new();
        let mut rows = rows.into_iter();
        for size in SIZES {
            while rows.len() >= size {
                let values = rows.by_ref().take(size).flatten().map(Value::from);
                let statement = Statement::from_sql_and_values(backend, self.text(size), values);
                match self.sqlite.2.contains("RETURNING") {
                    true => returned.extend(transaction.query_all_raw(statement).await?),
                    false => {
                        transaction.execute_raw(statement).await?;
                    }
                }
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
