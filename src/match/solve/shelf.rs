//! Counts of candidates between records, beyond memory.
//!
//! Counts gather in a table; when that is full it becomes a sorted run in a temporary file. A count is the sum of what table and
//! runs say, so that adding never reads. Of each run a Bloom filter stays in memory (12 bits an entry, wrong about one time in
//! two hundred) and the first key of each block, so that asking for what is not there, as is most often done, reads nothing,
//! and for what is, one block. Many runs are merged into one, and what no longer matters is dropped.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::many::PairHasher;

/// A temporary file.
pub(super) trait Scratch: Read + Write + Seek + Send {}

impl<T: Read + Write + Seek + Send> Scratch for T {}

/// Opens an empty temporary file.
pub(super) type NewFile = Box<dyn FnMut() -> io::Result<Box<dyn Scratch>> + Send>;

/// Entries that are read at once.
const BLOCK: usize = 256;
/// Bytes of an entry: a key and a count.
const ENTRY: usize = 12;
/// Runs that are looked into; more are merged.
const RUNS: usize = 8;
/// Bits of a run's filter for each entry, and those that each sets.
const FILTER_BITS: u64 = 12;
const FILTER_PROBES: u64 = 4;

/// Two records as one key.
pub(super) type RecordPair = (u32, u32);

/// Counts by pair of records.
pub(super) struct Shelf {
    /// Entries that the table holds at most.
    most: usize,
    table: HashMap<RecordPair, u32, BuildHasherDefault<PairHasher>>,
    new_file: NewFile,
    file: Option<Box<dyn Scratch>>,
    /// Where the next run starts in the file.
    end: u64,
    runs: Vec<Run>,
    block: Vec<u8>,
}

/// A sorted run.
#[derive(Debug)]
struct Run {
    start: u64,
    entries: usize,
    /// The first key of each block.
    firsts: Vec<RecordPair>,
    filter: Vec<u64>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("table", &self.table.len()).field("runs", &self.runs.len()).finish()
    }
}

impl Shelf {
    /// A shelf whose table holds so many entries at most.
    pub(super) fn new(most: usize, new_file: NewFile) -> Self {
        let (table, runs) = (HashMap::default(), Vec::new());
        Self { most: most.max(1), table, new_file, file: None, end: 0, runs, block: Vec::new() }
    }

    /// Entries in table and runs; a pair may have one in each.
    pub(super) fn entries(&self) -> usize {
        self.table.len() + self.runs.iter().map(|run| run.entries).sum::<usize>()
    }

    /// Adds to a pair's count. `alive` tells whether a pair may still be asked for.
    pub(super) fn add(
        &mut self,
        pair: RecordPair,
        count: u32,
        alive: impl Fn(RecordPair) -> bool,
    ) -> io::Result<()> {
        *self.table.entry(pair).or_insert(0) += count;
        if self.table.len() < self.most {
            return Ok(());
        }
        let mut entries: Vec<_> = self.table.drain().filter(|(pair, _)| alive(*pair)).collect();
        entries.sort_unstable();
        if self.runs.len() + 1 >= RUNS {
            return self.merge(entries, alive);
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => (self.new_file)()?,
        };
        let (mut writer, count) = (RunWriter::new(self.end, entries.len()), entries.len());
        file.seek(SeekFrom::Start(self.end))?;
        for entry in entries {
            writer.push(entry, &mut file)?;
        }
        self.runs.push(writer.finish(&mut file)?);
        self.end += (count * ENTRY) as u64;
        self.file = Some(file);
        Ok(())
    }

    /// The count of a pair.
    pub(super) fn count(&mut self, pair: RecordPair) -> io::Result<u32> {
        let mut count = self.table.get(&pair).copied().unwrap_or(0);
        let Some(file) = &mut self.file else { return Ok(count) };
        for run in self.runs.iter().filter(|run| run.may_hold(pair)) {
            let Some(block) = run.firsts.partition_point(|first| *first <= pair).checked_sub(1) else {
                continue;
            };
            run.read(block, file, &mut self.block)?;
            count += self.block.chunks_exact(ENTRY).map(get).find(|entry| entry.0 == pair).map_or(0, |e| e.1);
        }
        Ok(count)
    }

    /// Makes one run, in a new file, of all runs and some sorted entries.
    fn merge(
        &mut self,
        entries: Vec<(RecordPair, u32)>,
        alive: impl Fn(RecordPair) -> bool,
    ) -> io::Result<()> {
        let mut into = (self.new_file)()?;
        let total = self.runs.iter().map(|run| run.entries).sum::<usize>() + entries.len();
        let mut writer = RunWriter::new(0, total);
        let mut old = self.file.take();
        let mut sources: Vec<Source> = self.runs.drain(..).map(Source::new).collect();
        let mut entries = entries.into_iter().peekable();
        loop {
            for source in &mut sources {
                source.refill(old.as_deref_mut())?;
            }
            let heads = sources.iter().filter_map(|source| source.entries.last()).chain(entries.peek());
            let Some(least) = heads.map(|entry| entry.0).min() else { break };
            let mut count = 0;
            for source in &mut sources {
                while let Some(entry) = source.entries.pop_if(|entry| entry.0 == least) {
                    count += entry.1;
                }
            }
            while let Some(entry) = entries.next_if(|entry| entry.0 == least) {
                count += entry.1;
            }
            if alive(least) {
                writer.push((least, count), &mut into)?;
            }
        }
        let run = writer.finish(&mut into)?;
        self.end = (run.entries * ENTRY) as u64;
        self.runs = vec![run];
        self.file = Some(into);
        Ok(())
    }
}

impl Run {
    fn may_hold(&self, pair: RecordPair) -> bool {
        filter_bits(pair, self.filter.len()).all(|(word, bit)| self.filter[word] & bit != 0)
    }

    fn read(&self, block: usize, file: &mut dyn Scratch, bytes: &mut Vec<u8>) -> io::Result<()> {
        let first = block * BLOCK;
        bytes.resize((self.entries - first).min(BLOCK) * ENTRY, 0);
        file.seek(SeekFrom::Start(self.start + (first * ENTRY) as u64))?;
        file.read_exact(bytes)
    }
}

/// Where a pair's bits lie in a filter of so many words.
fn filter_bits((record0, record1): RecordPair, words: usize) -> impl Iterator<Item = (usize, u64)> {
    let key = u64::from(record0) << 32 | u64::from(record1);
    // The end of SplitMix64, twice.
    let mixed = (key ^ key >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let (first, step) = (mixed ^ mixed >> 27, (mixed.wrapping_mul(0x94D0_49BB_1331_11EB) >> 31) | 1);
    (0..FILTER_PROBES).map(move |probe| {
        let hash = first.wrapping_add(step.wrapping_mul(probe)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (((u128::from(hash) * words as u128) >> 64) as usize, 1 << (hash & 63))
    })
}

fn get(bytes: &[u8]) -> (RecordPair, u32) {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    ((word(0), word(4)), word(8))
}

/// Writes a run from where its file stands.
struct RunWriter {
    run: Run,
    bytes: Vec<u8>,
}

impl RunWriter {
    /// For at most so many entries.
    fn new(start: u64, entries: usize) -> Self {
        let words = (entries as u64 * FILTER_BITS).div_ceil(64).max(1) as usize;
        Self { run: Run { start, entries: 0, firsts: Vec::new(), filter: vec![0; words] }, bytes: Vec::new() }
    }

    fn push(&mut self, (pair, count): (RecordPair, u32), file: &mut dyn Scratch) -> io::Result<()> {
        let run = &mut self.run;
        if run.entries.is_multiple_of(BLOCK) {
            run.firsts.push(pair);
        }
        run.entries += 1;
        filter_bits(pair, run.filter.len()).for_each(|(word, bit)| run.filter[word] |= bit);
        for word in [pair.0, pair.1, count] {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        if self.bytes.len() >= 64 * BLOCK * ENTRY {
            file.write_all(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    fn finish(self, file: &mut dyn Scratch) -> io::Result<Run> {
        file.write_all(&self.bytes)?;
        Ok(self.run)
    }
}

/// A run that is being merged, block by block.
struct Source {
    run: Run,
    next_block: usize,
    /// Entries of the block, the last one first.
    entries: Vec<(RecordPair, u32)>,
    bytes: Vec<u8>,
}

impl Source {
    fn new(run: Run) -> Self {
        Self { run, next_block: 0, entries: Vec::new(), bytes: Vec::new() }
    }

    fn refill(&mut self, file: Option<&mut (dyn Scratch + 'static)>) -> io::Result<()> {
        if let (true, true, Some(file)) =
            (self.entries.is_empty(), self.next_block < self.run.firsts.len(), file)
        {
            self.run.read(self.next_block, file, &mut self.bytes)?;
            self.next_block += 1;
            self.entries.extend(self.bytes.chunks_exact(ENTRY).rev().map(get));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn shelf(most: usize) -> Shelf {
        Shelf::new(most, Box::new(|| Ok(Box::new(Cursor::new(Vec::new())))))
    }

    #[test]
    fn counts_add_up_over_table_and_runs() {
        for most in [1, 7, 100, 1 << 20] {
            let (mut shelf, mut expected) = (shelf(most), HashMap::new());
            let mut state = 5u64;
            for _ in 0..5000 {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                let pair = ((state >> 58) as u32, (state >> 40) as u32 % 50);
                shelf.add(pair, 1 + pair.0 % 3, |_| true).unwrap();
                *expected.entry(pair).or_insert(0) += 1 + pair.0 % 3;
            }
            for pair in (0..70).flat_map(|record0| (0..60).map(move |record1| (record0, record1))) {
                let count = expected.get(&pair).copied().unwrap_or(0);
                assert_eq!(shelf.count(pair).unwrap(), count, "{pair:?}, {most} in the table");
            }
            assert!(shelf.runs.len() < RUNS && shelf.entries() >= expected.len());
        }
    }

    #[test]
    fn what_is_dead_goes() {
        let mut shelf = shelf(10);
        for record in 0..1000 {
            shelf.add((record, 7), 1, |pair| pair.0 % 2 == 0).unwrap();
        }
        assert!(shelf.entries() <= 510, "{} entries", shelf.entries());
        assert_eq!((shelf.count((500, 7)).unwrap(), shelf.count((501, 7)).unwrap()), (1, 0));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let full = || Err(io::ErrorKind::StorageFull.into());
        let mut shelf = Shelf::new(1, Box::new(full));
        assert_eq!(shelf.add((1, 2), 1, |_| true).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
