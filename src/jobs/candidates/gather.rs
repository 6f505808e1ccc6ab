//! The candidates of one task, gathered in bounded memory and handed out in order.
//!
//! They are dealt to a [`Sorter`] as they are found. Once it holds as much as it may, it is emptied, in order, into a temporary
//! file: a *run*. In the end the runs and what is still in memory are merged. The order is total, so the outcome is the same,
//! to the byte, whether anything was spilled or not.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::FileKey;
use super::runs::WINDOW;
use crate::jobs::JobError;
use crate::matching::merge::{Merge, Run};
use crate::matching::sort::{Sorted, Sorter};

/// Gathers the candidates of one task.
pub(crate) struct Gathering<K> {
    /// Bits of a key.
    bits: u32,
    /// Bytes of keys in memory at most, when nothing is being compared.
    memory: u64,
    /// Folder for the temporary file.
    scratch: PathBuf,
    sorter: Sorter<K>,
    spilled: Option<Spilled>,
}

/// A temporary file of sorted runs, one after the other.
struct Spilled {
    file: Arc<File>,
    runs: Vec<Range<u64>>,
}

impl<K: FileKey> Gathering<K> {
    /// For keys of so many bits, in about so many bytes of memory.
    pub(crate) fn new(bits: u32, memory: u64, scratch: PathBuf) -> Self {
        Self { bits, memory, scratch, sorter: Sorter::new(bits), spilled: None }
    }

    /// Where the search appends keys. [`settle`](Self::settle) is to be called after each part of it.
    pub(crate) fn buffer(&mut self) -> &mut Vec<K> {
        self.sorter.buffer()
    }

    /// Candidates found so far.
    pub(crate) fn found(&self) -> u64 {
        let spilled = self.spilled.as_ref().and_then(|spilled| spilled.runs.last()).map_or(0, |run| run.end);
        spilled / K::WIDTH as u64 + self.sorter.len() as u64
    }

    /// Deals the new keys out, and spills all if they are too many. Blocks.
    ///
    /// # Errors
    /// The temporary file can't be written.
    pub(crate) fn settle(&mut self) -> Result<(), JobError> {
        self.sorter.settle();
        if self.sorter.memory_bytes() as u64 > self.memory {
            self.spill().map_err(unwritable)?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let sorted = std::mem::replace(&mut self.sorter, Sorter::new(self.bits)).sorted();
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => {
                none.insert(Spilled { file: tempfile::tempfile_in(&self.scratch)?.into(), runs: Vec::new() })
            }
        };
        let start = spilled.runs.last().map_or(0, |run| run.end);
        let length = (sorted.len() * K::WIDTH) as u64;
        let (mut file, mut bytes) = (&*spilled.file, Vec::new());
        sorted.each(1, |keys| {
            bytes.clear();
            K::put(keys, &mut bytes);
            file.write_all(&bytes)
        })?;
        spilled.runs.push(start..start + length);
        Ok(())
    }

    /// Hands all candidates on in order, batch by batch. Blocks.
    ///
    /// # Errors
    /// What `take` says, or the temporary file can't be read.
    pub(crate) fn each(self, mut take: impl FnMut(&[K]) -> Result<(), JobError>) -> Result<(), JobError> {
        let rest = self.sorter.sorted();
        let Some(Spilled { file, runs }) = self.spilled else { return rest.each(1, take) };
        let spilled = runs.into_iter().map(|left| Source::Spilled { file: file.clone(), left });
        let mut merge = Merge::new(spilled.chain([Source::Memory(Box::new(rest))]).collect());
        let mut batch = Vec::new();
        loop {
            merge.next_batch(&mut batch).map_err(unreadable)?;
            if batch.is_empty() {
                return Ok(());
            }
            take(&batch)?;
        }
    }
}

/// A run to be merged.
enum Source<K> {
    Spilled { file: Arc<File>, left: Range<u64> },
    Memory(Box<Sorted<K>>),
}

impl<K: FileKey> Run<K> for Source<K> {
    type Error = io::Error;

    fn read(&mut self, keys: &mut Vec<K>) -> io::Result<()> {
        match self {
            Self::Memory(sorted) => sorted.next_batch(keys),
            Self::Spilled { file, left } => {
                let mut bytes = vec![0; (left.end - left.start).min(WINDOW) as usize];
                file.read_exact_at(&mut bytes, left.start)?;
                left.start += bytes.len() as u64;
                keys.extend(bytes.chunks_exact(K::WIDTH).map(K::get));
            }
        }
        Ok(())
    }
}

fn unwritable(error: io::Error) -> JobError {
    JobError::Transient(format!("candidates can't be spilled to a temporary file: {error}"))
}

fn unreadable(error: io::Error) -> JobError {
    JobError::Transient(format!("spilled candidates can't be read back: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of a pseudo-random sequence, each once.
    fn keys<K: FileKey>(count: u64, widen: impl Fn(u64) -> K) -> Vec<K> {
        (0..count).map(|n| widen(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
    }

    /// Gathers within so much memory; the keys in their order, and how many runs were spilled.
    fn gathered<K: FileKey>(keys: &[K], memory: u64) -> (Vec<K>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut gathering = Gathering::new(K::BITS, memory, folder.path().to_owned());
        for (number, part) in keys.chunks(40_000).enumerate() {
            gathering.buffer().extend_from_slice(part);
            gathering.settle().unwrap();
            let found = (40_000 * (number + 1)).min(keys.len()) as u64;
            assert_eq!(gathering.found(), found);
        }
        let runs = gathering.spilled.as_ref().map_or(0, |spilled| spilled.runs.len());
        let mut all = Vec::new();
        gathering
            .each(|keys| {
                all.extend_from_slice(keys);
                Ok(())
            })
            .unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left behind");
        (all, runs)
    }

    fn agrees<K: FileKey>(keys: &[K]) {
        let mut expected = keys.to_vec();
        expected.sort();
        let bytes = std::mem::size_of_val(keys) as u64;
        assert!(gathered(keys, bytes) == (expected.clone(), 0), "all in memory");
        assert!(gathered(keys, bytes / 2) == (expected.clone(), 1), "half spilled");
        assert!(
            gathered(keys, 1) == (expected.clone(), keys.len().div_ceil(40_000)),
            "all spilled, run by run"
        );
        let (found, runs) = gathered(keys, bytes / 5);
        assert!(found == expected && (2..7).contains(&runs), "{runs} runs");
    }

    #[test]
    fn spilled_or_not_the_order_is_the_same() {
        agrees(&keys(300_000, |key| key));
        agrees(&keys(300_000, |key| u128::from(key) << 64 | u128::from(!key)));
    }

    #[test]
    fn what_stops_the_taker_stops_it_all() {
        let folder = tempfile::tempdir().unwrap();
        for memory in [0, 1 << 30] {
            let mut gathering = Gathering::new(64, memory, folder.path().to_owned());
            gathering.buffer().extend(keys(100_000, |key| key));
            gathering.settle().unwrap();
            let stopped = gathering.each(|_| Err(JobError::Cancelled));
            assert!(matches!(stopped, Err(JobError::Cancelled)));
        }
        let nowhere = folder.path().join("nowhere");
        let mut gathering = Gathering::new(64, 0, nowhere);
        gathering.buffer().push(1u64);
        assert!(matches!(gathering.settle(), Err(JobError::Transient(_))));
    }
}
