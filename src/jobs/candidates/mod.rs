//! Candidate files: gathering and writing the keys of a task, and reading many files as one ascending stream.

mod gather;
mod read;
mod runs;

use tokio::runtime::Handle;

pub(super) use gather::Gathering;
pub(super) use read::Merging;
pub(super) use runs::{FAN_IN, runs};

use super::JobError;
use crate::codec::candidate_file::{CandidateFileWriter, CandidateKey};
use crate::matching::key::Key;
use crate::store::{Store, Writer};

/// A key of the matching engine that candidate files can hold: `u64` or `u128`.
pub(super) trait FileKey: Key + CandidateKey {}

impl<T: Key + CandidateKey> FileKey for T {}

/// A candidate file in the store.
#[derive(Debug, Clone)]
pub(super) struct KeyFile {
    pub object: String,
    /// Keys in it.
    pub keys: u64,
}

/// Bytes given to the store at once.
const PART: usize = 1 << 20;
/// Keys encoded at once.
const BATCH: usize = 64 << 10;

/// A candidate file being written from a thread that may block.
pub(super) struct KeyWriter<'a, K> {
    handle: &'a Handle,
    writer: Writer,
    file: CandidateFileWriter<K>,
    stop: &'a dyn Fn() -> bool,
}

impl<'a, K: FileKey> KeyWriter<'a, K> {
    /// Begins an object of keys in this layout.
    pub(super) fn new(
        store: &Store,
        handle: &'a Handle,
        object: &str,
        layout: &[u8],
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self, JobError> {
        Ok(Self { handle, writer: store.writer(object), file: CandidateFileWriter::new(layout, PART)?, stop })
    }

    /// Appends ascending keys.
    pub(super) fn write(&mut self, keys: &[K]) -> Result<(), JobError> {
        for keys in keys.chunks(BATCH) {
            if (self.stop)() {
                return Err(JobError::Cancelled);
            }
            self.file.push(keys)?;
            while let Some(part) = self.file.next_part() {
                self.handle.block_on(self.writer.write(part))?;
            }
        }
        Ok(())
    }

    /// Completes the object; returns how many keys it holds.
    pub(super) fn finish(self) -> Result<u64, JobError> {
        let Self { handle, mut writer, file, .. } = self;
        let (last, summary) = file.finish();
        handle.block_on(async {
            writer.write(&last).await?;
            writer.finish().await
        })?;
        Ok(summary.count)
    }
}
