//! Between columns and domain types.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::db::{DbError, DbResult};

/// A text column as a domain type.
pub(super) fn parsed<T>(row: &Row, column: &str) -> DbResult<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|e| DbError::Corrupt(format!("column {column}: {e}")))
}

/// A JSON column as a type.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> DbResult<T> {
    serde_json::from_str(text).map_err(|e| DbError::Corrupt(format!("{what}: {e}")))
}

/// A type as JSON for a column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> DbResult<String> {
    serde_json::to_string(value).map_err(|e| DbError::Corrupt(e.to_string()))
}

/// A whole number column as a smaller or unsigned type.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &str) -> DbResult<T> {
    let value: i64 = row.get(column)?;
    T::try_from(value).map_err(|_| DbError::Corrupt(format!("column {column}: {value} is out of range")))
}

/// A number of ours as SQLite's signed one.
pub(super) fn signed(value: u64) -> DbResult<i64> {
    i64::try_from(value).map_err(|_| DbError::Corrupt(format!("{value} is too large for the metadata store")))
}

/// A blob column of fixed length.
pub(super) fn blob<const N: usize>(row: &Row, column: &str) -> DbResult<[u8; N]> {
    let bytes: Vec<u8> = row.get(column)?;
    bytes.try_into().map_err(|_| DbError::Corrupt(format!("column {column} has a wrong length")))
}

/// All rows of a query, each through a fallible conversion.
pub(super) fn collect<T>(
    tx: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut convert: impl FnMut(&Row) -> DbResult<T>,
) -> DbResult<Vec<T>> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(convert(row)?);
    }
    Ok(all)
}

/// The first row of a query, if there is one, through a fallible conversion.
pub(super) fn first<T>(
    tx: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    convert: impl FnOnce(&Row) -> DbResult<T>,
) -> DbResult<Option<T>> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(convert).transpose()
}

/// One value of the first row of a query, if there is one.
pub(super) fn value<T: FromSql>(
    tx: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> DbResult<Option<T>> {
    first(tx, sql, params, |row| Ok(row.get(0)?))
}
