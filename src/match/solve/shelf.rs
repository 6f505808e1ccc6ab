//! A set of numbers beyond memory.
//!
//! Numbers come in sorted runs, which are appended to a temporary file. Of each run a [`Filter`] stays in memory (12 bits a number),
//! and the first number of each block, so that asking for what is not there, as is most often done, reads nothing, and for what is,
//! one block. Many runs are merged into one in a new file, and what no longer matters is dropped.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::filter::Filter;
use crate::matching::merge::{self, Merge};

/// A temporary file.
pub(super) trait Scratch: Read + Write + Seek + Send {}

impl<T: Read + Write + Seek + Send> Scratch for T {}

/// Opens an empty temporary file.
pub(super) type NewFile = Box<dyn FnMut() -> io::Result<Box<dyn Scratch>> + Send>;

/// Numbers that are read at once for one of them.
const BLOCK: usize = 256;
/// Numbers that are written, or read to be merged, at once.
const PIECE: usize = 128 * BLOCK;
/// Bytes of a number.
const NUMBER: usize = 8;
/// Runs that are looked into; more are merged.
const RUNS: usize = 8;

pub(super) struct Shelf {
    new_file: NewFile,
    file: Option<Box<dyn Scratch>>,
    /// Where the next run starts in the file.
    end: u64,
    runs: Vec<Run>,
    block: Vec<u8>,
}

/// A sorted run.
struct Run {
    start: u64,
    len: usize,
    /// The first number of each block.
    firsts: Vec<u64>,
    filter: Filter,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("runs", &self.runs.len()).field("len", &self.len()).finish()
    }
}

impl Shelf {
    /// An empty shelf; no file yet.
    pub(super) fn new(new_file: NewFile) -> Self {
        Self { new_file, file: None, end: 0, runs: Vec::new(), block: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len).sum()
    }

    /// Puts ascending numbers in. Of those that are in already `keep` tells which still matter.
    pub(super) fn add(&mut self, numbers: &[u64], keep: impl Fn(u64) -> bool) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert((self.new_file)()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        let mut writer = RunWriter::new(self.end, numbers.len());
        for piece in numbers.chunks(PIECE) {
            writer.write(piece.iter().copied(), file)?;
        }
        self.end += (numbers.len() * NUMBER) as u64;
        self.runs.push(writer.run);
        if self.runs.len() >= RUNS { self.merge(keep) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn contains(&mut self, number: u64) -> io::Result<bool> {
        for run in self.runs.iter().filter(|run| run.filter.may_hold(number)) {
            let before = run.firsts.partition_point(|first| *first <= number);
            let (Some(block), Some(file)) = (before.checked_sub(1), &mut self.file) else { continue };
            let first = block * BLOCK;
            self.block.resize((run.len - first).min(BLOCK) * NUMBER, 0);
            file.seek(SeekFrom::Start(run.start + (first * NUMBER) as u64))?;
            file.read_exact(&mut self.block)?;
            if numbers(&self.block).any(|other| other == number) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Loads what a look at a number would, to have it near.
    #[inline]
    pub(super) fn touch(&self, number: u64) -> u64 {
        self.runs.iter().fold(0, |sum, run| sum ^ run.filter.touch(number))
    }

    /// Makes one run, in a new file, of all.
    fn merge(&mut self, keep: impl Fn(u64) -> bool) -> io::Result<()> {
        let (most, Some(old)) = (self.len(), self.file.take()) else { return Ok(()) };
        let (old, mut new) = (RefCell::new(old), (self.new_file)()?);
        let source = |run: Run| Source { file: &old, at: run.start, left: run.len };
        // What is known of the old runs is gone before the new one takes its room.
        let mut merge = Merge::new(self.runs.drain(..).map(source).collect());
        let (mut writer, mut batch) = (RunWriter::new(0, most), Vec::new());
        loop {
            merge.next_batch(&mut batch)?;
            if batch.is_empty() {
                break;
            }
            writer.write(batch.iter().copied().filter(|&number| keep(number)), &mut new)?;
        }
        self.end = (writer.run.len * NUMBER) as u64;
        self.runs = vec![writer.run];
        self.file = Some(new);
        Ok(())
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().copied().map(u64::from_le_bytes)
}

/// Writes a run from where its file stands.
struct RunWriter {
    run: Run,
    bytes: Vec<u8>,
}

impl RunWriter {
    /// For at most so many numbers.
    fn new(start: u64, most: usize) -> Self {
        Self { run: Run { start, len: 0, firsts: Vec::new(), filter: Filter::new(most) }, bytes: Vec::new() }
    }

    fn write(&mut self, numbers: impl Iterator<Item = u64>, file: &mut dyn Scratch) -> io::Result<()> {
        self.bytes.clear();
        for number in numbers {
            if self.run.len.is_multiple_of(BLOCK) {
                self.run.firsts.push(number);
            }
            self.run.len += 1;
            self.run.filter.insert(number);
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        file.write_all(&self.bytes)
    }
}

/// A run that is being merged.
struct Source<'a> {
    file: &'a RefCell<Box<dyn Scratch>>,
    at: u64,
    left: usize,
}

impl merge::Run<u64> for Source<'_> {
    type Error = io::Error;

    fn read(&mut self, into: &mut Vec<u64>) -> io::Result<()> {
        let mut bytes = vec![0; self.left.min(PIECE) * NUMBER];
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(self.at))?;
        file.read_exact(&mut bytes)?;
        into.extend(numbers(&bytes));
        self.at += bytes.len() as u64;
        self.left -= bytes.len() / NUMBER;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

    use super::*;

    fn shelf() -> Shelf {
        Shelf::new(Box::new(|| Ok(Box::new(Cursor::new(Vec::new())))))
    }

    #[test]
    fn it_holds_the_numbers_of_all_runs() {
        for len in [1, 7, 256, 257, 3000] {
            let (mut shelf, mut expected) = (shelf(), BTreeSet::new());
            let mut state = 5u64;
            for _ in 0..3 * RUNS {
                let run: BTreeSet<u64> = (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                        (state >> 49).wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    })
                    .collect();
                shelf.add(&run.iter().copied().collect::<Vec<_>>(), |_| true).unwrap();
                expected.extend(run);
                assert!((1..RUNS).contains(&shelf.runs.len()) && shelf.len() >= expected.len());
            }
            for number in (0..1 << 15).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
                let found = shelf.contains(number).unwrap();
                assert_eq!(found, expected.contains(&number), "{number} in runs of {len}");
            }
        }
    }

    #[test]
    fn what_no_longer_matters_goes() {
        let mut shelf = shelf();
        for run in 0..RUNS as u64 {
            shelf
                .add(&(0..100).map(|n| n * 1000 + run).collect::<Vec<_>>(), |number| number % 2 == 0)
                .unwrap();
        }
        assert_eq!((shelf.len(), shelf.runs.len()), (RUNS / 2 * 100, 1));
        assert!(shelf.contains(5006).unwrap() && !shelf.contains(5005).unwrap());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut shelf = Shelf::new(Box::new(|| Err(io::ErrorKind::StorageFull.into())));
        assert_eq!(shelf.add(&[1, 2], |_| true).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
