//! What a kernel's filter takes and what it gives back.

use std::ops::Range;

use super::super::tile::Tile;
use super::lists::PlaneLists;

/// Rows covered by one [`Survivors`] entry.
pub(crate) const LANES: usize = 64;
/// Most rows that one job may have.
pub(crate) const MAX_ROWS: usize = 64;

/// The filter's input: rows of one tile against one group of another's.
pub(crate) struct FilterJob<'a> {
    pub rows: &'a Tile,
    pub columns: &'a Tile,
    /// Which group of `columns`.
    pub group: usize,
    /// At most [`MAX_ROWS`].
    pub probes: &'a [Probe],
    /// Which planes the probes' rows want.
    pub lists: &'a PlaneLists,
    /// Whether the lists name the bits that are *not* set, so that many ones are what drops a lane.
    pub inverted: bool,
}

/// What is wanted of one row.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// Its place in the tile.
    pub row: usize,
    /// Its number in the lists.
    pub list: usize,
    /// How many planes are counted before the first look: whole steps, or all.
    pub first_planes: usize,
    /// What is asked then: lanes with at least so many ones go on, or when inverted, those with fewer.
    pub bar: u32,
    /// Which lanes are asked for, by their place in the group. They must be rows.
    pub lanes: Range<u16>,
}

impl FilterJob<'_> {
    /// Checks what kernels rely on when they read without bounds checks.
    pub(super) fn validate(&self) {
        assert!(self.probes.len() <= MAX_ROWS && self.group < self.columns.groups());
        assert!(self.rows.size() == self.columns.size());
        assert!(self.lists.fits(self.columns), "lists of planes made for another tile");
        let lanes = self.columns.rows_of_group(self.group);
        assert!(self.probes.iter().all(|probe| usize::from(probe.lanes.end) <= lanes));
    }

    /// The place of the group's first row.
    pub(super) fn first_column(&self) -> usize {
        self.group * self.columns.rows_per_group()
    }
}

/// Pairs of one row with up to [`LANES`] neighbouring rows of a group that passed a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survivors {
    /// Place of the row.
    pub row: usize,
    /// Place of the first of the columns.
    pub column: usize,
    /// Bit i: column + i passed.
    pub mask: u64,
}

/// |a∧b| per lane.
pub(crate) type Counts = [u16; LANES];

/// The survivors of one job, with their counts: as many as there can be, so that kernels append without
/// growing anything.
pub(crate) struct SurvivorQueue {
    entries: Box<[Survivors]>,
    /// Beside each entry. Meaningful in the lanes of its mask.
    counts: Box<[Counts]>,
    len: usize,
}

impl SurvivorQueue {
    /// For jobs of these tiles.
    pub(crate) fn new(rows: &Tile, columns: &Tile) -> Self {
        // One entry per row and word of lanes.
        let capacity = rows.len().min(MAX_ROWS) * (columns.rows_per_group() / LANES);
        Self {
            entries: vec![Survivors { row: 0, column: 0, mask: 0 }; capacity].into(),
            counts: vec![[0; LANES]; capacity].into(),
            len: 0,
        }
    }

    /// Empties the queue for a job.
    pub(super) fn start(&mut self) {
        self.len = 0;
    }

    /// The survivors and their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Survivors, &Counts)> {
        self.entries[..self.len].iter().copied().zip(&self.counts[..self.len])
    }

    /// Where the counts of the next entry go.
    #[inline(always)]
    pub(super) fn next_counts(&mut self) -> &mut Counts {
        &mut self.counts[self.len]
    }

    /// Appends the lanes that passed with a row; their counts are written already.
    #[inline(always)]
    pub(super) fn push(&mut self, row: usize, column: usize, mask: u64) {
        self.entries[self.len] = Survivors { row, column, mask };
        self.len += 1;
    }
}
