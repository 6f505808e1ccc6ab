//! Upload bodies: JSON in four forms, and packed binary.
//!
//! A body is parsed once, while it streams in, and never held. [`UploadParser`] takes JSON chunks of any
//! size and gives every encoding and every block membership to an [`UploadSink`] as soon as it is complete;
//! [`PackedParser`] counts the bytes of a binary body. Both end in an outcome that says what came.
//!
//! Two kinds of wrong are kept apart, because the answers differ. A body that cannot be understood
//! (malformed JSON or base64, a block for no record) is an [`UploadError`] and the request fails. Encodings
//! of a wrong *size* are a [`SizeProblem`] in the outcome: the upload is accepted, and its project then
//! turns to error. After a size problem the rest of the body is still validated, but the sink gets nothing
//! more.

mod base64;
mod blocks;
mod error;
mod external;
mod outcome;
mod packed;
mod parser;
mod pending;
mod place;
mod rows;
mod size;
mod state;

pub use base64::Base64Problem;
pub use error::{FeedError, UploadError};
pub use external::{ExternalCredentials, ExternalObject, ExternalUpload};
pub use outcome::{Padding, UploadForm, UploadOutcome};
pub use packed::{PackedError, PackedOutcome, PackedParser};
pub use parser::{Accept, UploadOptions, UploadParser, UploadSink};
pub use place::Place;
pub use size::{SizeProblem, SizeRules};

#[cfg(test)]
mod tests;
