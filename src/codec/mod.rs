//! Bytes to meaning and back: uploads, the service's own files, results.
//!
//! Everything here is pure and streams: parsers are pushed chunks of any size, writers append to buffers
//! that the caller drains, and memory does not grow with the data (the block reader, whose result is the
//! data, excepted). Where a file lies and how its bytes travel is somebody else's concern.
//!
//! - [`upload`]: the JSON upload bodies and packed binary, over the lexer in [`json`]
//! - [`block_hash`]: digests of block ids
//! - [`encoding_file`], [`block_file`], [`candidate_file`]: our own files, in the frame of [`sealed`]
//! - [`similarity_file`]: the serialization of PyPI anonlink
//! - [`results`]: result JSON, and CSV for the command line
//! - [`survey`]: what a party's encodings look like as a whole
//! - [`audit`]: the chained and authenticated rows of the audit trail
//! - [`secret_box`]: sealing of secrets that lie in the metadata store

pub mod audit;
pub mod block_file;
pub mod block_hash;
pub mod candidate_file;
pub mod encoding_file;
pub mod json;
pub mod results;
pub mod sealed;
pub mod secret_box;
pub mod similarity_file;
pub mod survey;
pub mod upload;
