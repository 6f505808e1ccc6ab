//! Where the files of an upload go.

use std::io;

use thiserror::Error;

use crate::domain::ProjectId;
use crate::store::name;

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// The encoding file.
    Encodings,
    /// The block file.
    Blocks,
}

impl Object {
    /// Its name in the store; `lease` is the writer's, in hex.
    pub fn name(self, project: ProjectId, party: u16, lease: &str) -> String {
        match self {
            Self::Encodings => name::encodings(project, party, lease),
            Self::Blocks => name::blocks(project, party, lease),
        }
    }
}

/// What fails beside the stores.
#[derive(Debug, Error)]
pub enum StagingError {
    /// The program contradicts itself.
    #[error("{0}")]
    Inconsistent(String),
    /// A temporary file can't be written or read.
    #[error("a temporary file for block ids failed: {0}")]
    Scratch(#[from] io::Error),
}

/// Takes the files, and keeps the right to write them alive meanwhile.
pub trait Place: Send {
    /// What a failed store or a lost right is to whoever is writing.
    type Error: From<StagingError> + Send;

    /// Appends to a file. It is registered before its first byte is written, so that it is never orphaned.
    fn write(&mut self, object: Object, bytes: &[u8])
    -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Makes a file visible.
    fn close(&mut self, object: Object) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits for something while the right is kept alive.
    fn while_waiting<T: Send>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Self::Error>> + Send;
}
