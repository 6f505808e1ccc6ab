//! Sorts block memberships by digest and row, in bounded memory.
//!
//! An upload names blocks record by record; a comparison needs rows block by block. Memberships gather in a
//! buffer; a full buffer is sorted and becomes a run in a temporary file, and in the end all runs are
//! merged at once. If nothing overflowed, no file is made.

use std::io::{self, Read, Seek, Write};

use super::layout::BlockFile;
use super::runs::{Entry, RunFile};
use super::writer::BlockFileWriter;
use crate::codec::block_hash::BlockDigest;

/// Opens an empty temporary file for reading and writing.
type NewFile<F> = Box<dyn FnMut() -> io::Result<F> + Send>;

/// The sorter. `F` is a temporary file.
pub struct BlockSorter<F> {
    half: usize,
    new_file: NewFile<F>,
    buffer: Vec<Entry>,
    runs: Option<RunFile<F>>,
}

impl<F: Read + Write + Seek> BlockSorter<F> {
    /// A sorter within about `memory` bytes (at least 64 KiB). `new_file` is asked for two temporary files
    /// at most: one if the memberships do not fit, one if the index of the blocks does not.
    pub fn new(memory: usize, new_file: impl FnMut() -> io::Result<F> + Send + 'static) -> Self {
        Self {
            // Half for the memberships; half for the index, which is no longer than they are, or the runs.
            half: memory.max(64 << 10) / 2,
            new_file: Box::new(new_file),
            buffer: Vec::new(),
            runs: None,
        }
    }

    /// Row `row` is in the block `digest`. Any order; repeats are dropped.
    pub fn push(&mut self, digest: &BlockDigest, row: u32) -> io::Result<()> {
        if (self.buffer.len() + 1) * size_of::<Entry>() > self.half {
            self.spill()?;
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Doubles, but never past the bound.
            let most = self.half / size_of::<Entry>();
            let more = self.buffer.len().clamp(1024, (most - self.buffer.len()).max(1024));
            self.buffer.reserve_exact(more);
        }
        self.buffer.push(Entry::new(digest, row));
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.runs.is_none() {
            self.runs = Some(RunFile::new((self.new_file)()?));
        }
        self.buffer.sort_unstable();
        self.buffer.dedup();
        if let Some(runs) = &mut self.runs {
            runs.write(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Writes the block file to `out`, front to back.
    pub fn finish<W: Write>(self, out: &mut W) -> io::Result<BlockFile> {
        Ok(self.finish_counted(out)?.0)
    }

    /// As [`Self::finish`]; also tells how many records the largest block has.
    pub fn finish_counted<W: Write>(mut self, out: &mut W) -> io::Result<(BlockFile, u64)> {
        if self.runs.is_some() && !self.buffer.is_empty() {
            self.spill()?;
        }
        match self.runs {
            None => {
                self.buffer.sort_unstable();
                let mut writer = BlockFileWriter::new(out, self.half, &mut self.new_file);
                for &entry in &self.buffer {
                    writer.push(entry)?;
                }
                writer.finish()
            }
            Some(runs) => {
                // Its half now serves the runs' read buffers.
                drop(self.buffer);
                let mut writer = BlockFileWriter::new(out, self.half, &mut self.new_file);
                runs.merge(self.half, |entry| writer.push(entry))?;
                writer.finish()
            }
        }
    }
}

impl<F> std::fmt::Debug for BlockSorter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockSorter")
            .field("half", &self.half)
            .field("spilled", &self.runs.is_some())
            .finish()
    }
}
