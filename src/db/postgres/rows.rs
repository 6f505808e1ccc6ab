//! Between columns and domain types.

use std::fmt::Display;
use std::str::FromStr;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::db::{DbError, DbResult};

/// A statement's parameter with its type: typed statements need no preparation.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// Rust types that are parameters.
pub(super) trait Typed: ToSql + Sync {
    /// The type in PostgreSQL.
    const TYPE: Type;
}

macro_rules! typed {
    ($($rust:ty => $pg:ident),* $(,)?) => {
        $(impl Typed for $rust { const TYPE: Type = Type::$pg; })*
    };
}

typed! {
    &str => TEXT, String => TEXT, i64 => INT8, f64 => FLOAT8, bool => BOOL, &[u8] => BYTEA, Vec<u8> => BYTEA,
    &[String] => TEXT_ARRAY, Vec<String> => TEXT_ARRAY, Vec<&str> => TEXT_ARRAY, Vec<i64> => INT8_ARRAY,
    &[&[u8]] => BYTEA_ARRAY,
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// One parameter.
pub(super) fn param<T: Typed>(value: &T) -> Param<'_> {
    (value, T::TYPE)
}

/// Parameters of a statement: `params![a, b]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::postgres::rows::param(&$value)),*] };
}
pub(super) use params;

/// A column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> DbResult<T> {
    row.try_get(column).map_err(|error| DbError::Corrupt(format!("column {column}: {error}")))
}

/// A text column as a domain type.
pub(super) fn parsed<T>(row: &Row, column: &str) -> DbResult<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text: &str = get(row, column)?;
    text.parse().map_err(|e| DbError::Corrupt(format!("column {column}: {e}")))
}

/// A JSON text as a type.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> DbResult<T> {
    serde_json::from_str(text).map_err(|e| DbError::Corrupt(format!("{what}: {e}")))
}

/// A type as JSON for a column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> DbResult<String> {
    serde_json::to_string(value).map_err(|e| DbError::Corrupt(e.to_string()))
}

/// People's text for a column. PostgreSQL's text has no U+0000, which is shown as U+FFFD instead.
pub(super) fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

/// A whole number column as a smaller or unsigned type.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: &str) -> DbResult<T> {
    let value: i64 = get(row, column)?;
    T::try_from(value).map_err(|_| DbError::Corrupt(format!("column {column}: {value} is out of range")))
}

/// A number of ours as PostgreSQL's signed one.
pub(super) fn signed(value: u64) -> DbResult<i64> {
    i64::try_from(value).map_err(|_| DbError::Corrupt(format!("{value} is too large for the metadata store")))
}

/// A duration in whole microseconds.
pub(super) fn micros(duration: std::time::Duration) -> i64 {
    // An absurd lease must not overflow when the time is added to it.
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

/// A bytea column of fixed length.
pub(super) fn blob<const N: usize>(row: &Row, column: &str) -> DbResult<[u8; N]> {
    let bytes: &[u8] = get(row, column)?;
    bytes.try_into().map_err(|_| DbError::Corrupt(format!("column {column} has a wrong length")))
}
