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
use std::sync::Arc;

use thiserror::Error;

use super::encoding::EncodingSize;
use super::kernel::{Counted, FilterJob, LANES, MAX_ROWS, PlaneLists, Probe, Ranked, SurvivorQueue};
use super::key::{Key, KeyLayout, KeyLayoutError, PartyPair};
use super::look::LookPlan;
use super::score::ScoreRanks;
use super::sink::Sink;
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
    pub need: Arc<NeedTable>,
    /// Ranks of the scores at or above the threshold.
    pub ranks: Arc<ScoreRanks>,
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
        let need = NeedTable::new(size, threshold);
        Ok(Self { size, threshold, need: need.into(), ranks: ranks.into(), layout })
    }

    /// The same for parties with other numbers of rows. The tables, which take nearly all the memory and time, are shared.
    pub fn for_rows(&self, rows_per_party: &[u32]) -> Result<Self, KeyLayoutError> {
        Ok(Self { layout: KeyLayout::new(&self.ranks, rows_per_party)?, ..self.clone() })
    }

    /// Bytes of memory held, shared tables included.
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

/// A piece is at most so many (pair, word)s: a few milliseconds on the slowest kernel. Then `stop` is asked, and candidates
/// are given up.
pub(super) const PIECE_WORDS: usize = 1 << 22;

/// Compares all rows of `a`, of `pair.party0`, with all rows of `b`, of `pair.party1`, and gives the keys of the candidates
/// to `out`, in no particular order, piece by piece. Both tiles must be prepared for one kernel, with one bit order, and
/// have the size of `spec`.
pub fn compare_tiles<K: Key, S: Sink<K>>(
    a: &Tile,
    b: &Tile,
    pair: PartyPair,
    spec: &CompareSpec,
    out: &mut S,
    stop: &dyn Fn() -> bool,
) -> Result<Stats, S::Error> {
    compare(a, b, Share::WHOLE, pair, spec, out, stop, None)
}

/// One of several shares of all pairs of two tiles: they take about the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// From 0.
    pub(super) number: usize,
    /// At least 1.
    pub(super) of: usize,
}

impl Share {
    pub(super) const WHOLE: Self = Self { number: 0, of: 1 };

    /// The share's blocks of a tile's rows: every so manieth, as neighbours by popcount have as many partners.
    fn blocks(self, rows: &Tile) -> impl Iterator<Item = Range<usize>> {
        let starts = (0..rows.len()).step_by(BLOCK_ROWS).skip(self.number).step_by(self.of);
        starts.map(|start| start..(start + BLOCK_ROWS).min(rows.len()))
    }
}

/// [`compare_tiles`], of a share of the pairs, and of those (row of a, row of b) that `accept` accepts, if it is there. It is
/// asked about candidates only.
#[allow(clippy::too_many_arguments)]
pub(super) fn compare<K: Key, S: Sink<K>>(
    a: &Tile,
    b: &Tile,
    share: Share,
    pair: PartyPair,
    spec: &CompareSpec,
    out: &mut S,
    stop: &dyn Fn() -> bool,
    accept: Option<&dyn Fn(u32, u32) -> bool>,
) -> Result<Stats, S::Error> {
    assert!(a.size() == spec.size && b.size() == spec.size, "tiles and spec must agree on the encoding size");
    assert!(a.kernel() == b.kernel(), "both tiles must be prepared for the same kernel");
    let ones: u64 =
        [a, b].iter().flat_map(|tile| tile.popcounts()).map(|&popcount| u64::from(popcount)).sum();
    let inverted = ones * 2 > (a.len() + b.len()) as u64 * spec.size.bits() as u64;
    let halved = worth_halving(a, b);
    let pair_index = spec.layout.pair_index(pair);
    let a_is_row =
        Direction { rows: a, columns: b, inverted, a_is_row: true, halved, spec, pair_index, accept };
    let mut candidates = a_is_row.compare(share, out, stop)?;
    if halved {
        let b_is_row = Direction { rows: b, columns: a, a_is_row: false, ..a_is_row };
        candidates += b_is_row.compare(share, out, stop)?;
    }
    if stop() {
        return Err(Stopped.into());
    }
    let rows: usize = share.blocks(a).map(|block| block.len()).sum();
    Ok(Stats { comparisons: rows as u64 * b.len() as u64, candidates })
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
    spec: &'a CompareSpec,
    pair_index: u32,
    accept: Option<&'a dyn Fn(u32, u32) -> bool>,
}

impl Direction<'_> {
    /// Returns the number of candidates.
    fn compare<K: Key, S: Sink<K>>(
        &self,
        share: Share,
        out: &mut S,
        stop: &dyn Fn() -> bool,
    ) -> Result<u64, S::Error> {
        let (rows, columns) = (self.rows, self.columns);
        let mut plan = LookPlan::new(rows, columns, self.inverted);
        let mut queue = SurvivorQueue::new(rows, columns);
        let mut lists = PlaneLists::new(columns);
        let mut probes = Vec::with_capacity(BLOCK_ROWS);
        let (mut candidates, mut words_in_piece) = (0, 0);
        for block in share.blocks(rows) {
            lists.clear();
            let partners: Vec<Range<usize>> =
                block.clone().map(|row| self.partners(u32::from(rows.popcounts()[row]))).collect();
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
                        probes.extend(self.probe(row, list, group, from..to, &lists, &mut plan));
                    }
                }
                words_in_piece += probes.len() * size * rows.size().words();
                if words_in_piece >= PIECE_WORDS {
                    words_in_piece = 0;
                    if stop() {
                        return Err(Stopped.into());
                    }
                    out.settle()?;
                }
                for probes in probes.chunks(MAX_ROWS) {
                    let (lists, inverted) = (&lists, self.inverted);
                    let job = FilterJob { rows, columns, group, probes, lists, inverted };
                    rows.kernel().filter(&job, &mut queue);
                    candidates += self.emit(&queue, out.buffer());
                }
            }
        }
        out.settle()?;
        Ok(candidates as u64)
    }

    /// The places of the columns that a row of this popcount is compared with.
    fn partners(&self, popcount: u32) -> Range<usize> {
        let (mut low, mut high) = self.spec.need.window(popcount);
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
    fn probe(
        &self,
        row: usize,
        list: usize,
        group: usize,
        columns: Range<usize>,
        lists: &PlaneLists,
        plan: &mut LookPlan,
    ) -> Option<Probe> {
        let need = &*self.spec.need;
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
        let middle = of(columns.start.midpoint(columns.end));
        let first_planes = plan.planes(slack, middle).min(lists.offsets(list).len());
        let counted = first_planes.min(lists.planes(list)) as u32;
        let bar = if self.inverted { slack + 1 } else { counted.saturating_sub(slack) };
        let group_start = group * self.columns.rows_per_group();
        let lanes = (columns.start - group_start) as u16..(columns.end - group_start) as u16;
        Some(Probe { row, list, first_planes, bar, lanes })
    }

    /// Appends the keys of those survivors that are candidates, and returns how many.
    fn emit<K: Key>(&self, queue: &SurvivorQueue, out: &mut Vec<K>) -> usize {
        let (rows, columns, spec) = (self.rows, self.columns, self.spec);
        let before = out.len();
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
            let key = |rank, a, b| spec.layout.encode::<K>(rank, self.pair_index, a, b);
            match (self.accept, self.a_is_row) {
                (None, true) => out.extend(found.map(|(rank, id)| key(rank, id_row, id))),
                (None, false) => out.extend(found.map(|(rank, id)| key(rank, id, id_row))),
                (Some(accept), a_is_row) => {
                    let pairs =
                        found.map(|(rank, id)| (rank, if a_is_row { (id_row, id) } else { (id, id_row) }));
                    let accepted = pairs.filter(|&(_, (a, b))| accept(a, b));
                    out.extend(accepted.map(|(rank, (a, b))| key(rank, a, b)));
                }
            }
        }
        out.len() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::encoding::Encodings;
    use crate::matching::kernel::Kernel;
    use crate::matching::order::BitOrder;

    #[test]
    fn shares_are_together_the_whole() {
        let size = EncodingSize::new(8).unwrap();
        let tile = |rows: u64, salt: u64| {
            let word = |row: u64| {
                let random = (row + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (random ^ random >> 29) & ((random >> 7) | (row % 5))
            };
            let bytes: Vec<u8> = (0..rows).flat_map(|row| word(row).to_le_bytes()).collect();
            let encodings = Encodings::from_bytes(size, bytes).unwrap();
            Tile::prepare(Kernel::detect(), &encodings, 0..rows as u32, &BitOrder::identity())
        };
        let spec = CompareSpec::new(size, Threshold::new(0.7).unwrap(), &[3300, 3500]).unwrap();
        for (a, b) in [(tile(3300, 1), tile(3500, 9)), (tile(900, 1), tile(20, 9))] {
            let of_share = |share| {
                let mut keys = Vec::<u64>::new();
                let pair = PartyPair::new(0, 1);
                let stats = compare(&a, &b, share, pair, &spec, &mut keys, &|| false, None).unwrap();
                assert_eq!(stats.candidates, keys.len() as u64);
                (keys, stats.comparisons)
            };
            let (mut whole, comparisons) = of_share(Share::WHOLE);
            whole.sort_unstable();
            assert!(!whole.is_empty());
            for of in [2, 3, 40] {
                let shares: Vec<_> = (0..of).map(|number| of_share(Share { number, of })).collect();
                assert_eq!(shares.iter().map(|(_, comparisons)| comparisons).sum::<u64>(), comparisons);
                let mut together: Vec<u64> = shares.into_iter().flat_map(|(keys, _)| keys).collect();
                together.sort_unstable();
                assert!(together == whole, "{of} shares");
            }
        }
    }
}
