//! Why an upload body is refused.

use super::base64::Base64Problem;
use super::place::Place;
use crate::codec::json::LexError;

/// A body that cannot be understood. The text names the record and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Not JSON, or beyond the lexer's limits.
    #[error("{place}: malformed JSON {error}")]
    Json { place: Place, error: LexError },
    /// JSON of another shape.
    #[error("{place}: expected {wanted}, found {found}")]
    WrongType { place: Place, wanted: &'static str, found: &'static str },
    /// Not standard base64.
    #[error("encoding {index} is not standard base64: {problem}")]
    Base64 { index: u32, problem: Base64Problem },
    /// A body with no encoding in it.
    #[error("no encodings: expected a non-empty list in `clks`, `encodings` or `clknblocks`")]
    NoEncodings,
    /// An external blocks object without the one member it is for.
    #[error("no blocks: expected an object in `blocks`")]
    NoBlocks,
    /// An empty list in `clknblocks`.
    #[error("record {index} of `clknblocks` is empty: expected its encoding, then its block ids")]
    EmptyRecord { index: u32 },
    /// Two members that each hold the encodings.
    #[error("`{first}` and `{second}` in one upload: send the encodings once")]
    TwoForms { first: &'static str, second: &'static str },
    /// Block ids both inside `clknblocks` and beside it.
    #[error("`clknblocks` and `blocks` in one upload: send the blocks once")]
    TwoBlocks,
    /// A key of `blocks` that is no row number.
    #[error("key `{key}` in `blocks` is no record index: expected plain decimal digits, such as \"17\"")]
    BlockKey { key: String },
    /// A key of `blocks` past the last record.
    #[error(
        "key `{key}` in `blocks` is no record's index: the last record of this upload is {}",
        .count.saturating_sub(1)
    )]
    NoSuchRecord { key: u32, count: u32 },
    /// A key of `blocks` that occurs twice.
    #[error("key `{key}` occurs twice in `blocks`: give each record one list")]
    BlockKeyTwice { key: u32 },
    /// A member of the external form that is missing.
    #[error("`{member}` is missing")]
    MissingMember { member: String },
    /// A member inside the external form that occurs twice.
    #[error("`{member}` occurs twice")]
    MemberTwice { member: String },
    /// One of encodings and blocks is a reference to an object, the other is in the body.
    #[error("encodings and blocks must both be in the body, or both be files in the object store")]
    HalfExternal,
    /// The external form where a stored object is read.
    #[error("a reference to a file in the object store cannot stand inside such a file")]
    NestedExternal,
    /// More records than one upload may hold.
    #[error("more than {max} records in one upload (MAX_RECORDS)")]
    TooManyRecords { max: u32 },
}

/// What ends [`UploadParser::feed`](super::UploadParser::feed): the body's fault, or the sink's.
#[derive(Debug, thiserror::Error)]
pub enum FeedError<E> {
    /// The body is wrong.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The sink could not take what it was given.
    #[error("{0}")]
    Sink(E),
}

impl<E> From<LexError> for FeedError<E> {
    /// The parser puts in the place, which the lexer cannot know.
    fn from(error: LexError) -> Self {
        Self::Upload(UploadError::Json { place: Place::Body, error })
    }
}
