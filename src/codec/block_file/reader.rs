//! Reads a block file into memory, and checks all of it.

use super::layout::BlockFile;
use super::{BLOCK_TRAILER_LEN, FORMAT};
use crate::codec::block_hash::BlockDigest;
use crate::codec::sealed::{FileError, Unsealer, u64_at};

/// The blocks of one party. Block `b` has digest `digests[b]` and the rows `rows[offsets[b]..offsets[b +
/// 1]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocks {
    /// Strictly ascending.
    pub digests: Vec<BlockDigest>,
    /// One more than there are blocks; from 0 to the number of rows, strictly ascending.
    pub offsets: Vec<u64>,
    /// Strictly ascending within each block.
    pub rows: Vec<u32>,
}

impl Blocks {
    /// The rows of block number `block`.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn rows_of(&self, block: usize) -> &[u32] {
        &self.rows[self.offsets[block] as usize..self.offsets[block + 1] as usize]
    }

    /// Blocks and their rows, by ascending digest.
    pub fn iter(&self) -> impl Iterator<Item = (&BlockDigest, &[u32])> {
        self.digests.iter().enumerate().map(|(block, digest)| (digest, self.rows_of(block)))
    }
}

/// Takes a block file in chunks. Allocates exactly what the blocks need.
#[derive(Debug)]
pub struct BlockReader {
    file: Unsealer,
    wanted: BlockFile,
    records: u32,
    blocks: Blocks,
    /// The beginning of a row or index entry that a chunk cut.
    cut: Vec<u8>,
}

impl BlockReader {
    /// For the file that `wanted` describes, of a party with `records` records.
    pub fn new(wanted: BlockFile, records: u32) -> Self {
        let mut blocks = Blocks {
            digests: Vec::with_capacity(wanted.blocks as usize),
            offsets: Vec::with_capacity(wanted.blocks as usize + 1),
            rows: Vec::with_capacity(wanted.entries as usize),
        };
        blocks.offsets.push(0);
        Self { file: Unsealer::new(&FORMAT), wanted, records, blocks, cut: Vec::new() }
    }

    /// Reads a whole file that is in memory.
    pub fn read(file: &[u8], records: u32) -> Result<Blocks, FileError> {
        let trailer = &file[file.len().saturating_sub(BLOCK_TRAILER_LEN)..];
        let mut reader = Self::new(BlockFile::describe(trailer, file.len() as u64)?, records);
        reader.feed(file)?;
        reader.finish()
    }

    /// Takes the next chunk, cut anywhere.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), FileError> {
        let Self { file, wanted, records, blocks, cut } = self;
        file.feed(chunk, |_, body| blocks.take(body, wanted, *records, cut))
    }

    /// Ends the file: the blocks, if everything was right.
    pub fn finish(self) -> Result<Blocks, FileError> {
        let Self { file, wanted, blocks, cut, .. } = self;
        let trailer = file.finish()?;
        if trailer.count != wanted.blocks || trailer.digest != wanted.digest {
            return Err(invalid("it is not the file that was described"));
        }
        if !cut.is_empty() || blocks.digests.len() as u64 != wanted.blocks {
            return Err(FileError::Truncated { name: FORMAT.name });
        }
        if blocks.offsets.last() != Some(&wanted.entries) {
            return Err(invalid("its last block ends before its last row"));
        }
        Ok(blocks)
    }
}

fn invalid(reason: &'static str) -> FileError {
    FileError::Invalid { name: FORMAT.name, reason }
}

impl Blocks {
    /// Takes body bytes: rows first, then the index.
    fn take(
        &mut self,
        mut body: &[u8],
        wanted: &BlockFile,
        records: u32,
        cut: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        while !body.is_empty() {
            let rows_missing = wanted.entries - self.rows.len() as u64;
            let width = if rows_missing > 0 { 4 } else { 40 };
            if cut.is_empty() && rows_missing > 0 {
                let whole = (body.len() / 4).min(rows_missing as usize);
                let (rows, rest) = body.split_at(whole * 4);
                for row in rows.chunks_exact(4) {
                    self.row(row, records)?;
                }
                body = rest;
                if whole as u64 == rows_missing {
                    continue;
                }
            }
            let (head, rest) = body.split_at((width - cut.len()).min(body.len()));
            cut.extend_from_slice(head);
            body = rest;
            if cut.len() == width {
                if width == 4 {
                    self.row(cut, records)?
                } else {
                    self.block(cut, wanted)?
                }
                cut.clear();
            }
        }
        Ok(())
    }

    fn row(&mut self, bytes: &[u8], records: u32) -> Result<(), FileError> {
        let row = u32::from_le_bytes(bytes.try_into().expect("rows are cut at four bytes"));
        if row >= records {
            return Err(invalid("it names a row that the party does not have"));
        }
        self.rows.push(row);
        Ok(())
    }

    fn block(&mut self, bytes: &[u8], wanted: &BlockFile) -> Result<(), FileError> {
        let (digest, end) = (&bytes[..32], u64_at(bytes, 32));
        let start = self.offsets.last().copied().unwrap_or(0);
        if self.digests.len() as u64 == wanted.blocks {
            return Err(invalid("it has more blocks than it says"));
        }
        if self.digests.last().is_some_and(|last| last[..] >= *digest) {
            return Err(invalid("its blocks are not in order"));
        }
        if end <= start || end > wanted.entries {
            return Err(invalid("a block's end is out of place"));
        }
        if !self.rows[start as usize..end as usize].is_sorted_by(|a, b| a < b) {
            return Err(invalid("a block's rows are not in order"));
        }
        let mut owned = [0; 32];
        owned.copy_from_slice(digest);
        self.digests.push(owned);
        self.offsets.push(end);
        Ok(())
    }
}
