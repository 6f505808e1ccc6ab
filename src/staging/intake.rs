//! JSON on its way into the files: the parser, and what it fills.

use std::io;

use bytes::Bytes;
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::place::StagingError;
use super::{Blocks, Rows};
use crate::codec::block_hash::{BlockDigest, BlockHasher};
use crate::codec::upload::{FeedError, UploadError, UploadOptions, UploadOutcome, UploadParser, UploadSink};

/// Why JSON can't be taken in.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// It can't be understood.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// There is a block id in it where none is wanted.
    #[error("there are block ids where none are wanted")]
    Unasked,
    /// Something fails here.
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl From<FeedError<SinkError>> for IntakeError {
    fn from(error: FeedError<SinkError>) -> Self {
        match error {
            FeedError::Upload(error) => Self::Upload(error),
            FeedError::Sink(SinkError::Unasked) => Self::Unasked,
            FeedError::Sink(SinkError::Scratch(error)) => Self::Staging(StagingError::Scratch(error)),
        }
    }
}

/// Why the files can't take what the parser gives them.
#[derive(Debug, Error)]
enum SinkError {
    #[error("unasked")]
    Unasked,
    #[error("{0}")]
    Scratch(io::Error),
}

/// What the parser fills.
#[derive(Debug)]
struct Staged {
    rows: Rows,
    blocks: Option<Blocks>,
}

impl UploadSink for Staged {
    type Error = SinkError;

    fn encoding(&mut self, _index: u32, encoding: &[u8]) -> Result<(), SinkError> {
        self.rows.push(encoding.len() as u32, encoding);
        Ok(())
    }

    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), SinkError> {
        let blocks = self.blocks.as_mut().ok_or(SinkError::Unasked)?;
        blocks.push(block, row).map_err(SinkError::Scratch)
    }
}

/// The parser and what it fills.
pub struct Intake {
    parser: UploadParser,
    staged: Staged,
}

/// How block ids are digested.
///
/// # Errors
/// Never with the plain digest that is used.
pub fn hasher() -> Result<BlockHasher, StagingError> {
    BlockHasher::new(None).map_err(|error| StagingError::Inconsistent(error.to_string()))
}

impl Intake {
    /// Takes in what the options accept; block ids only if there is something to put them into. The seed is as of [`Rows::new`].
    pub fn new(options: UploadOptions, blocks: Option<Blocks>, seed: [u8; 8]) -> Self {
        Self { parser: UploadParser::new(options), staged: Staged { rows: Rows::new(seed), blocks } }
    }

    /// The rows so far, to be drained between two pieces.
    pub fn rows(&mut self) -> &mut Rows {
        &mut self.staged.rows
    }

    /// Takes a piece of the document. Without blocks that is less than a millisecond's work; with blocks it may mean to sort and
    /// write out all that was gathered, which must not hold up other requests.
    ///
    /// # Errors
    /// [`IntakeError`]
    pub async fn feed(mut self, piece: Bytes) -> Result<Self, IntakeError> {
        let heavy = self.staged.blocks.is_some();
        let work = move || match self.parser.feed(&piece, &mut self.staged) {
            Ok(()) => Ok(self),
            Err(error) => Err(IntakeError::from(error)),
        };
        match heavy {
            true => spawn_blocking(work)
                .await
                .map_err(|error| StagingError::Inconsistent(format!("parsing failed: {error}")))?,
            false => work(),
        }
    }

    /// Ends the document.
    ///
    /// # Errors
    /// [`IntakeError`]
    pub fn finish(mut self) -> Result<(Rows, Option<Blocks>, UploadOutcome), IntakeError> {
        let outcome = self.parser.finish(&mut self.staged)?;
        Ok((self.staged.rows, self.staged.blocks, outcome))
    }
}
