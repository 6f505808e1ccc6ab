//! The block ids of an upload, on their way into the block file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::place::{Object, Place, StagingError};
use super::rows::PART;
use crate::codec::block_file::BlockSorter;
use crate::codec::block_hash::BlockDigest;
use crate::domain::report::BlockReport;

/// Parts of a block file on their way between threads.
const PARTS_AHEAD: usize = 2;

/// The block file that is being gathered, in a project that uses blocking.
#[derive(Debug)]
pub struct Blocks {
    sorter: BlockSorter<File>,
    /// Records that are in a block.
    records: u64,
    last: Option<u32>,
}

impl Blocks {
    /// Gathers within about `memory` bytes; what doesn't fit spills to temporary files in `scratch`.
    pub fn new(memory: u64, scratch: PathBuf) -> Self {
        let memory = usize::try_from(memory).unwrap_or(usize::MAX);
        let sorter = BlockSorter::new(memory, move || tempfile::tempfile_in(&scratch));
        Self { sorter, records: 0, last: None }
    }

    /// Takes note that a row is in a block. All blocks of a row come one after the other.
    ///
    /// # Errors
    /// A temporary file can't be written.
    pub fn push(&mut self, block: &BlockDigest, row: u32) -> io::Result<()> {
        if self.last.replace(row) != Some(row) {
            self.records += 1;
        }
        self.sorter.push(block, row)
    }

    /// Sorts and merges on a thread of its own, and makes the file visible; tells about the blocks of a party with `count` records.
    ///
    /// # Errors
    /// As [`Place::write`]; a temporary file can't be written or read.
    pub async fn finish<P: Place>(self, place: &mut P, count: u32) -> Result<BlockReport, P::Error> {
        let Self { sorter, records, .. } = self;
        let (parts, mut sorted) = mpsc::channel(PARTS_AHEAD);
        let merge = spawn_blocking(move || {
            let mut out = BufWriter::with_capacity(PART, Parts(parts));
            let found = sorter.finish_counted(&mut out)?;
            out.flush()?;
            Ok(found)
        });
        // Sorting in memory may take seconds before the first part comes: the right is kept alive meanwhile.
        while let Some(part) = place.while_waiting(sorted.recv()).await? {
            place.write(Object::Blocks, &part).await?;
        }
        let merged = merge
            .await
            .map_err(|error| StagingError::Inconsistent(format!("sorting the blocks failed: {error}")))?;
        let (file, largest) = merged.map_err(StagingError::Scratch)?;
        place.close(Object::Blocks).await?;
        Ok(BlockReport {
            blocks: file.blocks,
            memberships: file.entries,
            records_without: u64::from(count).saturating_sub(records),
            largest,
        })
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
