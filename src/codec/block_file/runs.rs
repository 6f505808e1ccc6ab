//! Sorted runs of block memberships, in memory and in a temporary file.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::codec::block_hash::BlockDigest;
use crate::codec::sealed::{u32_at, u64_at};

/// Bytes of an entry in a run.
pub(super) const ENTRY_LEN: usize = 36;

/// One membership. The digest is four big-endian integers, so that comparing the numbers compares its
/// bytes, mostly by the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    digest: [u64; 4],
    pub(super) row: u32,
}

impl Entry {
    pub(super) fn new(digest: &BlockDigest, row: u32) -> Self {
        Self { digest: std::array::from_fn(|word| u64_at(digest, word * 8).swap_bytes()), row }
    }

    pub(super) fn digest(&self) -> BlockDigest {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(self.digest) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.digest());
        bytes.extend_from_slice(&self.row.to_le_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(&bytes[..32]);
        Self::new(&digest, u32_at(bytes, 32))
    }
}

/// A temporary file of sorted runs, one after the other.
#[derive(Debug)]
pub(super) struct RunFile<F> {
    file: F,
    /// Where each run ends.
    ends: Vec<u64>,
}

impl<F: Read + Write + Seek> RunFile<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, ends: Vec::new() }
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Appends sorted entries as one run.
    pub(super) fn write(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(ENTRY_LEN * entries.len().min(1 << 12));
        for entries in entries.chunks(1 << 12) {
            bytes.clear();
            entries.iter().for_each(|entry| entry.put(&mut bytes));
            self.file.write_all(&bytes)?;
        }
        self.ends.push(self.end() + (entries.len() * ENTRY_LEN) as u64);
        Ok(())
    }

    /// Merges all runs through `memory` bytes of read buffers, and hands the entries on in order.
    pub(super) fn merge(
        mut self,
        memory: usize,
        mut each: impl FnMut(Entry) -> io::Result<()>,
    ) -> io::Result<()> {
        self.file.flush()?;
        let entries = (memory / self.ends.len().max(1) / ENTRY_LEN).max(64);
        let mut start = 0;
        let mut runs = Vec::with_capacity(self.ends.len());
        for &end in &self.ends {
            runs.push(Run { next: start, end, buffer: Vec::new(), at: 0 });
            start = end;
        }
        let mut heap = std::collections::BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(entry) = run.next(&mut self.file, entries)? {
                heap.push(std::cmp::Reverse((entry, number)));
            }
        }
        while let Some(mut top) = heap.peek_mut() {
            let std::cmp::Reverse((entry, number)) = *top;
            match runs[number].next(&mut self.file, entries)? {
                Some(next) => top.0.0 = next,
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
            each(entry)?;
        }
        Ok(())
    }
}

/// The unread part of a run.
#[derive(Debug)]
struct Run {
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Run {
    fn next<F: Read + Seek>(&mut self, file: &mut F, entries: usize) -> io::Result<Option<Entry>> {
        if self.at == self.buffer.len() {
            let len = (self.end - self.next).min((entries * ENTRY_LEN) as u64);
            if len == 0 {
                return Ok(None);
            }
            self.buffer.resize(len as usize, 0);
            file.seek(SeekFrom::Start(self.next))?;
            file.read_exact(&mut self.buffer)?;
            self.next += len;
            self.at = 0;
        }
        let entry = Entry::get(&self.buffer[self.at..self.at + ENTRY_LEN]);
        self.at += ENTRY_LEN;
        Ok(Some(entry))
    }
}
