//! Where things lie in a block file.

use std::ops::Range;

use super::{BLOCK_HEADER_LEN, BLOCK_TRAILER_LEN, FORMAT};
use crate::codec::sealed::{FileDigest, FileError, Trailer};

/// Bytes per row number.
pub(super) const ROW_LEN: u64 = 4;

/// Bytes per block: digest and end.
pub(super) const BLOCK_LEN: u64 = 40;

/// What a block file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockFile {
    /// Distinct blocks.
    pub blocks: u64,
    /// Memberships: the sum of the blocks' sizes.
    pub entries: u64,
    /// Identifies the whole content.
    pub digest: FileDigest,
}

impl BlockFile {
    /// Reads the description from the file's last [`BLOCK_TRAILER_LEN`] bytes and its length.
    pub fn describe(trailer: &[u8], len: u64) -> Result<Self, FileError> {
        let trailer = Trailer::parse(trailer, &FORMAT)?;
        let frame = (BLOCK_HEADER_LEN + BLOCK_TRAILER_LEN) as u64;
        let rows = trailer
            .count
            .checked_mul(BLOCK_LEN)
            .and_then(|index| len.checked_sub(frame)?.checked_sub(index))
            .filter(|rows| rows.is_multiple_of(ROW_LEN))
            .ok_or(FileError::Invalid { name: FORMAT.name, reason: "its length does not fit its count" })?;
        Ok(Self { blocks: trailer.count, entries: rows / ROW_LEN, digest: trailer.digest })
    }

    /// The file's whole length in bytes.
    pub fn len(&self) -> u64 {
        self.index_bytes().end + BLOCK_TRAILER_LEN as u64
    }

    /// Whether no row is in any block.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Where in the file the entries `entries` of the row list lie.
    pub fn entry_bytes(&self, entries: Range<u64>) -> Result<Range<u64>, FileError> {
        if entries.start > entries.end || entries.end > self.entries {
            return Err(FileError::RowsOutOfRange {
                start: entries.start,
                end: entries.end,
                count: self.entries,
            });
        }
        let place = |entry: u64| BLOCK_HEADER_LEN as u64 + entry * ROW_LEN;
        Ok(place(entries.start)..place(entries.end))
    }

    /// Where in the file the blocks' digests and ends lie.
    pub fn index_bytes(&self) -> Range<u64> {
        let start = BLOCK_HEADER_LEN as u64 + self.entries * ROW_LEN;
        start..start + self.blocks * BLOCK_LEN
    }
}
