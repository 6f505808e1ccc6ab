//! Rows and block ids of an upload, on their way into objects.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use axum::body::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::session::{Object, Session};
use crate::api::problem::ApiError;
use crate::codec::block_file::BlockSorter;
use crate::codec::block_hash::BlockDigest;
use crate::codec::encoding_file::{EncodingFile, EncodingFileWriter};
use crate::codec::sealed::FileError;
use crate::codec::upload::UploadSink;

/// Bytes that are gathered before they go to the store.
const PART: usize = 256 << 10;

/// Parts of a block file on their way between threads.
const PARTS_AHEAD: usize = 2;

/// Why a sink can't take what the parser gives it.
#[derive(Debug)]
pub enum SinkError {
    /// A block id in a project that doesn't use blocking.
    Unasked,
    /// A temporary file can't be written.
    Scratch(io::Error),
}

/// The encoding file that is being written.
#[derive(Debug, Default)]
pub struct Rows {
    file: Option<EncodingFileWriter>,
}

impl Rows {
    /// Appends packed rows of `size` bytes, whose first and last may be incomplete.
    pub fn push(&mut self, size: u32, rows: &[u8]) {
        self.file.get_or_insert_with(|| EncodingFileWriter::new(size, PART)).push(rows);
    }

    /// Gives what has been gathered to the store.
    ///
    /// # Errors
    /// As [`Session::write`].
    pub async fn drain(&mut self, session: &mut Session) -> Result<(), ApiError> {
        if let Some(file) = &mut self.file {
            while let Some(part) = file.next_part() {
                session.write(Object::Encodings, &part).await?;
            }
        }
        Ok(())
    }

    /// Ends the file and makes it visible.
    ///
    /// # Errors
    /// As [`Session::write`].
    pub async fn finish(self, session: &mut Session) -> Result<EncodingFile, ApiError> {
        let inconsistent = |error: FileError| ApiError::Internal(error.to_string());
        let file =
            self.file.ok_or_else(|| ApiError::Internal("an upload without rows got through".to_owned()))?;
        let (last, description) = file.finish().map_err(inconsistent)?;
        session.write(Object::Encodings, &last).await?;
        session.close(Object::Encodings).await?;
        Ok(description)
    }
}

/// The block file that is being gathered, in a project that uses blocking.
#[derive(Debug)]
pub struct Blocks {
    sorter: BlockSorter<File>,
}

impl Blocks {
    /// Gathers within about `memory` bytes; what doesn't fit spills to temporary files in `scratch`.
    pub fn new(memory: u64, scratch: PathBuf) -> Self {
        let memory = usize::try_from(memory).unwrap_or(usize::MAX);
        Self { sorter: BlockSorter::new(memory, move || tempfile::tempfile_in(&scratch)) }
    }

    /// Sorts and merges on a thread of its own, and makes the file visible.
    ///
    /// # Errors
    /// As [`Session::write`]; a temporary file can't be written or read.
    pub async fn finish(self, session: &mut Session) -> Result<(), ApiError> {
        let (parts, mut sorted) = mpsc::channel(PARTS_AHEAD);
        let merge = spawn_blocking(move || {
            let mut out = BufWriter::with_capacity(PART, Parts(parts));
            self.sorter.finish(&mut out)?;
            out.flush()
        });
        // Sorting in memory may take seconds before the first part comes: the right is kept alive meanwhile.
        while let Some(part) = session.while_waiting(sorted.recv()).await? {
            session.write(Object::Blocks, &part).await?;
        }
        let merged =
            merge.await.map_err(|error| ApiError::Internal(format!("sorting the blocks failed: {error}")))?;
        merged.map_err(scratch_failed)?;
        session.close(Object::Blocks).await
    }
}

/// Turns what is written into parts for the asynchronous side.
struct Parts(mpsc::Sender<Bytes>);

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nobody receives any more once the upload has failed.
        let part = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(part).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a JSON upload's parser gives its findings to.
#[derive(Debug)]
pub struct Staged {
    /// The encodings.
    pub rows: Rows,
    /// The block ids; none in a project that doesn't use blocking.
    pub blocks: Option<Blocks>,
}

impl UploadSink for Staged {
    type Error = SinkError;

    fn encoding(&mut self, _index: u32, encoding: &[u8]) -> Result<(), SinkError> {
        self.rows.push(encoding.len() as u32, encoding);
        Ok(())
    }

    fn block(&mut self, row: u32, block: &BlockDigest) -> Result<(), SinkError> {
        let blocks = self.blocks.as_mut().ok_or(SinkError::Unasked)?;
        blocks.sorter.push(block, row).map_err(SinkError::Scratch)
    }
}

/// A temporary file failed, which is no fault of the client's.
pub fn scratch_failed(error: io::Error) -> ApiError {
    ApiError::Internal(format!("a temporary file for block ids failed: {error}"))
}
