//! What a kernel's filter takes and what it gives back.

use std::ops::Range;

use super::super::tile::Tile;

/// Rows of a tile that are interleaved and filtered together.
pub(crate) const GROUP: usize = 128;
/// Rows covered by one [`Survivors`] entry.
pub(crate) const LANES: usize = 32;
/// Most rows that one job may have.
pub(crate) const MAX_ROWS: usize = 64;
/// Prefixes are whole multiples of this many bits.
pub(crate) const PREFIX_STEP: usize = 16;

/// The filter's input: rows of `a` against one group of `b`.
pub(crate) struct FilterJob<'a> {
    pub a: &'a Tile,
    /// First and last + 1 row of `a`: at most [`MAX_ROWS`].
    pub rows: Range<usize>,
    pub b: &'a Tile,
    /// Which group of `b`.
    pub group: usize,
    /// Length of the prefix in bits: a multiple of the kernel's step, at most the encoding's bits.
    pub prefix_bits: usize,
    /// Bits set after the prefix, per row of `a` and of `b` (there padded to whole groups with zeros).
    pub rest_a: &'a [u16],
    pub rest_b: &'a [u16],
    /// By popcount of the row of `a`: |a∧b| needed with the *least* popcount of the group.
    pub need: &'a [u16],
}

impl FilterJob<'_> {
    /// Whether the prefix is the whole encoding, so that the filter's counts are the full ones.
    pub(super) fn counts_all(&self) -> bool {
        self.prefix_bits == self.a.size().bits()
    }

    /// Checks what kernels rely on when they read without bounds checks.
    pub(super) fn validate(&self) {
        assert!(self.rows.start <= self.rows.end && self.rows.end <= self.a.len());
        assert!(self.rows.len() <= MAX_ROWS && self.group < self.b.groups());
        assert!(self.a.size() == self.b.size() && self.rest_a.len() == self.a.len());
        assert!(self.rest_b.len() == self.b.groups() * GROUP);
        assert!(
            self.prefix_bits.is_multiple_of(self.a.kernel().prefix_step())
                && self.prefix_bits <= self.a.size().bits()
        );
        assert!(self.need.len() > self.a.size().bits());
    }
}

/// Pairs of one row with up to [`LANES`] neighbouring rows of a group that passed a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survivors {
    /// Row of tile a.
    pub a: usize,
    /// First of the rows of tile b.
    pub b: usize,
    /// Bit i: row b + i passed.
    pub mask: u32,
}

/// |a∧b| per lane.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Counts(pub [u16; LANES]);

/// The survivors of one job, with their counts: as many as there can be, so that kernels append without
/// growing anything.
pub(crate) struct SurvivorQueue {
    /// Row of the job, block of the group and mask, packed so that one store writes them.
    entries: Box<[u64; Self::CAPACITY]>,
    /// Beside each entry. Meaningful in the lanes of its mask, once the job is done.
    counts: Box<[Counts; Self::CAPACITY]>,
    len: usize,
    first_a: usize,
    first_b: usize,
}

impl SurvivorQueue {
    /// One entry per row and block of lanes, and one that is written but not kept.
    const CAPACITY: usize = MAX_ROWS * (GROUP / LANES) + 1;

    pub(crate) fn new() -> Self {
        let counts = Box::new([Counts([0; LANES]); Self::CAPACITY]);
        Self { entries: Box::new([0; Self::CAPACITY]), counts, len: 0, first_a: 0, first_b: 0 }
    }

    /// Empties the queue for a job.
    pub(super) fn start(&mut self, job: &FilterJob) {
        (self.len, self.first_a, self.first_b) = (0, job.rows.start, job.group * GROUP);
    }

    /// The survivors and their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Survivors, &Counts)> {
        let entries = self.entries[..self.len].iter().map(|&entry| self.unpack(entry));
        entries.zip(&self.counts[..self.len])
    }

    fn unpack(&self, entry: u64) -> Survivors {
        let (row, block) = ((entry >> 40) as usize, (entry >> 32) as usize & 0xff);
        Survivors { a: self.first_a + row, b: self.first_b + block * LANES, mask: entry as u32 }
    }

    /// Where the counts of the next entry go.
    #[inline(always)]
    pub(super) fn next_counts(&mut self) -> &mut Counts {
        &mut self.counts[self.len]
    }

    /// Appends the lanes of a block that passed with a row, both counted from the job's first. Without a
    /// branch: the entry is written in any case, and kept iff some lane passed.
    #[inline(always)]
    pub(super) fn push(&mut self, row: usize, block: usize, mask: u32) {
        self.entries[self.len] = ((row << 8 | block) as u64) << 32 | u64::from(mask);
        self.len += usize::from(mask != 0);
    }

    /// Counts every survivor in full by `and_count`.
    #[inline(always)]
    pub(super) fn complete(&mut self, job: &FilterJob, and_count: impl Fn(&[u64], &[u64]) -> u32) {
        for i in 0..self.len {
            let Survivors { a, b, mut mask } = self.unpack(self.entries[i]);
            let row_a = job.a.row(a);
            while mask != 0 {
                let lane = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                self.counts[i].0[lane] = and_count(row_a, job.b.row(b + lane)) as u16;
            }
        }
    }
}
