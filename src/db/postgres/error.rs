//! What PostgreSQL's errors mean for callers, and how they read: never with a row's values, which the server likes to quote in
//! the detail of its messages.

use std::error::Error;

use thiserror::Error;

use crate::db::DbError;

/// An error of the server or of the connection to it.
#[derive(Debug, Error)]
#[error("{text}")]
pub(super) struct Failure {
    text: String,
    /// What trying again would mean.
    pub kind: FailureKind,
}

/// What trying again would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The connection is gone: another one may do.
    Lost,
    /// The server undid this transaction for another's sake (serialization failure, deadlock): it may succeed now.
    Conflict,
    /// The server is short of something, or does not take writes at the moment.
    Busy,
    /// Its disk is full, or it takes no writes at all.
    Unwritable,
    /// The statement is wrong.
    Refused,
}

impl Failure {
    /// A statement that wasn't answered in time; its connection must not be used again.
    pub(super) fn timeout() -> Self {
        Self { text: "the server did not answer in time".into(), kind: FailureKind::Lost }
    }
}

impl From<Failure> for DbError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::Refused => Self::Statement(failure.into()),
            FailureKind::Unwritable => Self::Unwritable(failure.into()),
            _ => Self::Unavailable(failure.into()),
        }
    }
}

/// The kind of failure behind a store's error, if the server or the connection was the cause.
pub(super) fn kind_of(error: &DbError) -> Option<FailureKind> {
    match error {
        DbError::Unavailable(source) | DbError::Unwritable(source) | DbError::Statement(source) => {
            source.downcast_ref::<Failure>().map(|failure| failure.kind)
        }
        _ => None,
    }
}

/// The error with what lies beneath it, on one line, without a row's values.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        let constraint = said.constraint().map(|name| format!(", constraint {name}")).unwrap_or_default();
        return format!("{} (SQLSTATE {}{constraint})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// By SQLSTATE class and code.
fn kind(code: &str) -> FailureKind {
    match code {
        "40001" | "40P01" => FailureKind::Conflict,
        // Shut down, crashed, starting up, or the session was ended from outside.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => FailureKind::Lost,
        // A statement or lock timeout; a server that has become a standby.
        "57014" | "55P03" | "25006" => FailureKind::Busy,
        // Its disk is full.
        "53100" => FailureKind::Unwritable,
        _ => match code.get(..2) {
            Some("08") => FailureKind::Lost,
            // Short of resources, system errors (input/output).
            Some("53" | "58") => FailureKind::Busy,
            _ => FailureKind::Refused,
        },
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let kind = match error.code() {
            Some(code) => kind(code.code()),
            None if error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()) => {
                FailureKind::Lost
            }
            None => FailureKind::Refused,
        };
        Self { text: describe(&error), kind }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_meaning() {
        assert_eq!(kind("40P01"), FailureKind::Conflict);
        assert_eq!(kind("57P01"), FailureKind::Lost);
        assert_eq!(kind("08006"), FailureKind::Lost);
        assert_eq!(kind("53300"), FailureKind::Busy);
        assert_eq!(kind("53100"), FailureKind::Unwritable);
        assert_eq!(kind("23505"), FailureKind::Refused);
        let error = DbError::from(Failure::timeout());
        assert!(error.is_transient());
        assert_eq!(kind_of(&error), Some(FailureKind::Lost));
    }
}
