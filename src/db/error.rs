//! Why a call to the metadata store failed.

use thiserror::Error;

/// An error of the metadata store. Expected outcomes (no such project, lease lost) aren't errors: the methods return them.
#[derive(Debug, Error)]
pub enum DbError {
    /// The store can't be reached or can't write; trying again later may help.
    #[error("the metadata store is out of reach: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store can be read, but takes no more data: its disk is full or read-only. Trying again helps once somebody has made room.
    #[error("the metadata store takes no more data: {0}")]
    Unwritable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed for a reason that trying again won't mend.
    #[error("the metadata store refused a statement: {0}")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row holds something that this version can't read.
    #[error("the metadata store holds an unreadable value: {0}")]
    Corrupt(String),
    /// The code of a transaction panicked; nothing of it is kept. The log has what it said.
    #[error("a transaction panicked: {0}")]
    Panicked(&'static str),
    /// The schema is not one that this binary can work with.
    #[error("{0}")]
    Schema(String),
}

impl DbError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unwritable(_))
    }
}
