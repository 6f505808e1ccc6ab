//! Comparing two tiles: every pair of rows, one thread.
//!
//! Rows of one tile meet groups of the other. For each row the columns whose popcounts can reach the threshold at all
//! are a range, found by binary search. The kernel's filter counts a first part of the planes that the row wants, whose
//! length `look` chose from a sample; pairs that survive are counted in full and compared against the
//! exact table of needs. All pruning is exact: it drops only pairs that cannot be candidates.
//!
//! With losses defined as bits of the row that the column lacks, |a∧b| = |row| − losses: a bound that is close when
//! the row has the smaller popcount of the two. So each pair is compared in that direction: first rows of a with
//! columns of b of at least their popcount, then the other way round. Encodings that are more than half full
//! have fewer zeros than ones; there the planes of the row's zeros are counted, losses are bits of the column that
//! the row lacks, and the row is the one with the larger popcount.

use std::ops::Range;

use thiserror::Error;

use super::encoding::EncodingSize;
use super::kernel::{Counted, FilterJob, LANES, MAX_ROWS, PlaneLists, Probe, Ranked, SurvivorQueue};
use super::key::{Key, KeyLayout, KeyLayoutError, PartyPair};
use super::look::LookPlan;
use super::score::ScoreRanks;
use super::threshold::{NeedTable, Threshold};
use super::tile::Tile;

/// Everything that a comparison needs to know besides the rows: made once, shared by all its tasks.
#[derive(Clone, Debug)]
pub struct CompareSpec {
    /// Size of all encodings.
    pub size: EncodingSize,
    /// Pairs that score at least this are candidates.
    pub threshold: Threshold,
    /// The threshold in integers.
    pub need: NeedTable,
    /// Ranks of the scores at or above the threshold.
    pub ranks: ScoreRanks,
    /// How candidates are packed.
    pub layout: KeyLayout,
}

impl CompareSpec {
    /// Works out the tables for parties with these numbers of rows.
    pub fn new(
        size: EncodingSize,
        threshold: Threshold,
        rows_per_party: &[u32],
    ) -> Result<Self, KeyLayoutError> {
        let ranks = ScoreRanks::new(size, threshold);
        let layout = KeyLayout::new(&ranks, rows_per_party)?;
        Ok(Self { size, threshold, need: NeedTable::new(size, threshold), ranks, layout })
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.need.memory_bytes() + self.ranks.memory_bytes()
    }
}

/// What a comparison did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Pairs of rows dealt with, those that pruning settled included.
    pub comparisons: u64,
    /// Candidates found.
    pub candidates: u64,
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.comparisons += other.comparisons;
        self.candidates += other.candidates;
    }
}

/// The caller's `stop` said so. What was found so far is incomplete.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the comparison was stopped")]
pub struct Stopped;

/// `stop` is asked after at most so many (pair, word)s: a few milliseconds on the slowest kernel.
pub(super) const POLL_WORDS: usize = 1 << 22;

/// Compares all rows of `a`, of `pair.party0`, with all rows of `b`, of `pair.party1`, and appends the keys
/// of the candidates to `out`, in no particular order. Both tiles must be prepared for one kernel, with one
/// bit order, and have the size of `spec`.
pub fn compare_tiles<K: Key>(
    a: &Tile,
    b: &Tile,
    pair: PartyPair,
    spec: &CompareSpec,
    out: &mut Vec<K>,
    stop: &dyn Fn() -> bool,
) -> Result<Stats, Stopped> {
    compare(a, b, pair, spec, out, stop, None)
}

/// [`compare_tiles`], of the pairs of rows (row of a, row of b) that `accept` accepts, if it is there. It is asked about
/// candidates only.
pub(super) fn compare<K: Key>(
    a: &Tile,
    b: &Tile,
    pair: PartyPair,
    spec: &CompareSpec,
    out: &mut Vec<K>,
    stop: &dyn Fn() -> bool,
    accept: Option<&dyn Fn(u32, u32) -> bool>,
) -> Result<Stats, Stopped> {
    assert!(a.size() == spec.size && b.size() == spec.size, "tiles and spec must agree on the encoding size");
    assert!(a.kernel() == b.kernel(), "both tiles must be prepared for the same kernel");
    let found_before = out.len();
    let pair_index = spec.layout.pair_index(pair);
    let ones: u64 =
        [a, b].iter().flat_map(|tile| tile.popcounts()).map(|&popcount| u64::from(popcount)).sum();
    let inverted = ones * 2 > (a.len() + b.len()) as u64 * spec.size.bits() as u64;
    let a_is_row = Direction { rows: a, columns: b, inverted, a_is_row: true, halved: worth_halving(a, b) };
    a_is_row.compare(spec, stop, |queue| settle(&a_is_row, spec, pair_index, queue, out, accept))?;
    if a_is_row.halved {
        let b_is_row = Direction { rows: b, columns: a, a_is_row: false, ..a_is_row };
        b_is_row.compare(spec, stop, |queue| settle(&b_is_row, spec, pair_index, queue, out, accept))?;
    }
    if stop() {
        return Err(Stopped);
    }
    let comparisons = a.len() as u64 * b.len() as u64;
    Ok(Stats { comparisons, candidates: (out.len() - found_before) as u64 })
}

/// Whether pairs are compared in the direction that suits them: groups at the border are read twice then.
fn worth_halving(a: &Tile, b: &Tile) -> bool {
    const GROUPS: usize = 6;
    a.groups().min(b.groups()) >= GROUPS
}

/// Rows whose lists are kept while all groups go by. The more there are, the less often a group's planes must be
/// fetched; their lists should stay in the second-level cache, beside one group.
const BLOCK_ROWS: usize = 256;

/// Rows of one tile against columns of the other.
struct Direction<'a> {
    rows: &'a Tile,
    columns: &'a Tile,
    inverted: bool,
    a_is_row: bool,
    /// Whether only pairs are compared whose popcounts suit this direction. Equal ones suit the first.
    halved: bool,
}

impl Direction<'_> {
    fn compare(
        &self,
        spec: &CompareSpec,
        stop: &dyn Fn() -> bool,
        mut settle: impl FnMut(&SurvivorQueue),
    ) -> Result<(), Stopped> {
        let (rows, columns) = (self.rows, self.columns);
        let mut plan = LookPlan::new(rows, columns, self.inverted);
        let mut queue = SurvivorQueue::new(rows, columns);
        let mut lists = PlaneLists::new(columns);
        let mut probes = Vec::with_capacity(BLOCK_ROWS);
        let mut words_since_poll = 0;
        for start in (0..rows.len()).step_by(BLOCK_ROWS) {
            let block = start..(start + BLOCK_ROWS).min(rows.len());
            lists.clear();
            let partners: Vec<Range<usize>> = block
                .clone()
                .map(|row| self.partners(u32::from(rows.popcounts()[row]), &spec.need))
                .collect();
            for (row, partners) in block.clone().zip(&partners) {
                // Rows without partners keep their number in the lists, not more.
                let wanted = if partners.is_empty() { &[] } else { rows.row(row) };
                rows.kernel().list(&mut lists, wanted, self.inverted);
            }
            let some = partners.iter().filter(|partners| !partners.is_empty());
            let first = some.clone().map(|partners| partners.start).min().unwrap_or(0);
            let last = some.map(|partners| partners.end).max().unwrap_or(0);
            let size = columns.rows_per_group();
            for group in first / size..last.div_ceil(size) {
                probes.clear();
                for (list, (row, partners)) in block.clone().zip(&partners).enumerate() {
                    let (from, to) = (partners.start.max(group * size), partners.end.min((group + 1) * size));
                    if from < to {
                        probes.extend(self.probe(row, list, group, from..to, &lists, &mut plan, &spec.need));
                    }
                }
                words_since_poll += probes.len() * size * spec.size.words();
                if words_since_poll >= POLL_WORDS {
                    words_since_poll = 0;
                    if stop() {
                        return Err(Stopped);
                    }
                }
                for probes in probes.chunks(MAX_ROWS) {
                    let (lists, inverted) = (&lists, self.inverted);
                    let job = FilterJob { rows, columns, group, probes, lists, inverted };
                    rows.kernel().filter(&job, &mut queue);
                    settle(&queue);
                }
            }
        }
        Ok(())
    }

    /// The places of the columns that a row of this popcount is compared with.
    fn partners(&self, popcount: u32, need: &NeedTable) -> Range<usize> {
        let (mut low, mut high) = need.window(popcount);
        if self.halved {
            // Equal popcounts belong to the direction in which a is the row.
            let smaller = u32::from(!self.a_is_row);
            if self.inverted {
                high = high.min(popcount.saturating_sub(smaller));
            } else {
                low = low.max(popcount + smaller);
            }
        }
        let popcounts = self.columns.popcounts();
        let start = popcounts.partition_point(|&other| u32::from(other) < low);
        let end = popcounts.partition_point(|&other| u32::from(other) <= high);
        start..end.max(start)
    }

    /// What to ask of a row about some columns of a group; nothing when their popcounts settle it.
    #[allow(clippy::too_many_arguments)]
    fn probe(
        &self,
        row: usize,
        list: usize,
        group: usize,
        columns: Range<usize>,
        lists: &PlaneLists,
        plan: &mut LookPlan,
        need: &NeedTable,
    ) -> Option<Probe> {
        let popcount = u32::from(self.rows.popcounts()[row]);
        let of = |column: usize| u32::from(self.columns.popcounts()[column]);
        // The losses that the pair which can bear most can bear: what is needed grows with the column's popcount, but
        // not as fast as that.
        let slack = if self.inverted {
            let most = of(columns.end - 1);
            most.checked_sub(need.need(popcount + most))?
        } else {
            popcount.checked_sub(need.need(popcount + of(columns.start)))?
        };
        let first_planes = plan.planes(slack).min(lists.offsets(list).len());
        let counted = first_planes.min(lists.planes(list)) as u32;
        let bar = if self.inverted { slack + 1 } else { counted.saturating_sub(slack) };
        let group_start = group * self.columns.rows_per_group();
        let lanes = (columns.start - group_start) as u16..(columns.end - group_start) as u16;
        Some(Probe { row, list, first_planes, bar, lanes })
    }
}

/// Appends the keys of those survivors that are candidates.
fn settle<K: Key>(
    direction: &Direction,
    spec: &CompareSpec,
    pair_index: u32,
    queue: &SurvivorQueue,
    out: &mut Vec<K>,
    accept: Option<&dyn Fn(u32, u32) -> bool>,
) {
    let (rows, columns) = (direction.rows, direction.columns);
    let mut ranked = Ranked::new();
    for (survivors, counts) in queue.iter() {
        let (id_row, popcount) = (rows.ids()[survivors.row], u32::from(rows.popcounts()[survivors.row]));
        // A mask never reaches past the last row.
        let end = (survivors.column + LANES).min(columns.len());
        let ids = &columns.ids()[survivors.column..end];
        let popcounts = &columns.popcounts()[survivors.column..end];
        let counted = Counted { mask: survivors.mask, counts, popcount, popcounts, ids };
        rows.kernel().rank(&counted, &spec.need, &spec.ranks, &mut ranked);
        let found = ranked.iter();
        let key = |rank, a, b| spec.layout.encode::<K>(rank, pair_index, a, b);
        match (accept, direction.a_is_row) {
            (None, true) => out.extend(found.map(|(rank, id)| key(rank, id_row, id))),
            (None, false) => out.extend(found.map(|(rank, id)| key(rank, id, id_row))),
            (Some(accept), a_is_row) => {
                let pairs =
                    found.map(|(rank, id)| (rank, if a_is_row { (id_row, id) } else { (id, id_row) }));
                out.extend(pairs.filter(|&(_, (a, b))| accept(a, b)).map(|(rank, (a, b))| key(rank, a, b)));
            }
        }
    }
}
