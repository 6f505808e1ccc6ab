//! Writes a block file from memberships that come in order.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::FORMAT;
use super::layout::{BLOCK_LEN, BlockFile};
use super::runs::Entry;
use crate::codec::block_hash::BlockDigest;
use crate::codec::sealed::SealedWriter;

/// Bytes handed to the output at a time.
const PART: usize = 256 << 10;

/// Where the index is kept while the rows go out before it.
pub(super) struct Index<F> {
    memory: usize,
    pending: Vec<u8>,
    spilled: Option<F>,
}

/// The writer. Rows go straight to `out`; of each block 40 bytes are kept for the index, in a temporary
/// file when they get more than `memory`.
pub(super) struct BlockFileWriter<'a, W, F> {
    out: &'a mut W,
    file: SealedWriter,
    index: Index<F>,
    new_file: &'a mut dyn FnMut() -> io::Result<F>,
    last: Option<(BlockDigest, u32)>,
    blocks: u64,
    entries: u64,
    /// Entries before the block at hand.
    before: u64,
    largest: u64,
}

impl<'a, W: Write, F: Read + Write + Seek> BlockFileWriter<'a, W, F> {
    pub(super) fn new(out: &'a mut W, memory: usize, new_file: &'a mut dyn FnMut() -> io::Result<F>) -> Self {
        Self {
            out,
            file: SealedWriter::new(&FORMAT, &FORMAT.blank_header(), PART),
            index: Index { memory, pending: Vec::new(), spilled: None },
            new_file,
            last: None,
            blocks: 0,
            entries: 0,
            before: 0,
            largest: 0,
        }
    }

    /// Takes the next membership in order of digest and row; a repeated one counts once.
    pub(super) fn push(&mut self, entry: Entry) -> io::Result<()> {
        let (digest, row) = (entry.digest(), entry.row);
        match self.last {
            Some(last) if last == (digest, row) => return Ok(()),
            Some((block, _)) if block != digest => self.end_block(&block)?,
            _ => {}
        }
        self.last = Some((digest, row));
        self.entries += 1;
        self.file.buffer().extend_from_slice(&row.to_le_bytes());
        self.drain()
    }

    fn end_block(&mut self, digest: &BlockDigest) -> io::Result<()> {
        self.blocks += 1;
        self.largest = self.largest.max(self.entries - self.before);
        self.before = self.entries;
        self.index.pending.extend_from_slice(digest);
        self.index.pending.extend_from_slice(&self.entries.to_le_bytes());
        if self.index.pending.len() + BLOCK_LEN as usize > self.index.memory.max(1 << 12) {
            if self.index.spilled.is_none() {
                self.index.spilled = Some((self.new_file)()?);
            }
            if let Some(spilled) = &mut self.index.spilled {
                spilled.write_all(&self.index.pending)?;
                self.index.pending.clear();
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Some(part) = self.file.next_part() {
            self.out.write_all(part)?;
        }
        Ok(())
    }

    /// Ends the file; also tells how many rows the largest block has.
    pub(super) fn finish(mut self) -> io::Result<(BlockFile, u64)> {
        if let Some((block, _)) = self.last {
            self.end_block(&block)?;
        }
        if let Some(mut spilled) = self.index.spilled.take() {
            spilled.flush()?;
            spilled.seek(SeekFrom::Start(0))?;
            let mut left = self.blocks * BLOCK_LEN - self.index.pending.len() as u64;
            while left > 0 {
                let len = left.min(PART as u64) as usize;
                let buffer = self.file.buffer();
                let start = buffer.len();
                buffer.resize(start + len, 0);
                spilled.read_exact(&mut buffer[start..])?;
                left -= len as u64;
                self.drain()?;
            }
        }
        self.file.buffer().extend_from_slice(&self.index.pending);
        let (part, trailer, _) = self.file.finish(self.blocks);
        self.out.write_all(&part)?;
        let file = BlockFile { blocks: self.blocks, entries: self.entries, digest: trailer.digest };
        Ok((file, self.largest))
    }
}
