//! Why a task could not be done, and whether trying again may help.

use thiserror::Error;

use crate::codec::sealed::FileError;
use crate::db::DbError;
use crate::matching::search::Stopped;
use crate::store::StoreError;

/// Why a task could not be done.
#[derive(Debug, Error)]
pub enum JobError {
    /// The task was cancelled, or another worker has it now: nothing is left to do.
    #[error("the task is no longer this worker's")]
    Cancelled,
    /// The process shuts down: another worker shall do it.
    #[error("the worker is shutting down")]
    Draining,
    /// Metadata store, object store or a file failed; another try may succeed. The text is for the operator.
    #[error("{0}")]
    Transient(String),
    /// No try can succeed. The text is for the operator.
    #[error("{0}")]
    Permanent(String),
    /// What the parties or the creator asked for can't be done. The text says why, to them.
    #[error("{0}")]
    Refused(String),
}

impl From<DbError> for JobError {
    fn from(error: DbError) -> Self {
        match error {
            // As any panic of a task: it may have had to do with this worker only.
            DbError::Panicked(_) => Self::Transient(error.to_string()),
            other if other.is_transient() => Self::Transient(other.to_string()),
            other => Self::Permanent(other.to_string()),
        }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Transient(error.to_string())
    }
}

/// A file that can't be read back may have been cut by the network: worth another try.
impl From<FileError> for JobError {
    fn from(error: FileError) -> Self {
        Self::Transient(error.to_string())
    }
}

impl From<Stopped> for JobError {
    fn from(_: Stopped) -> Self {
        Self::Cancelled
    }
}
