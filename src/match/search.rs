//! Comparing two tiles: every pair of rows, one thread.
//!
//! For each group of 128 rows of b the rows of a whose popcounts can reach the threshold at all are found by
//! binary search. The kernel's filter takes those against the group, counting a prefix of the bits whose
//! length `prefix` chose from a sample; pairs that survive are counted in full and compared
//! against the exact table of needs. All pruning is exact: it drops only pairs that cannot be candidates.

use thiserror::Error;

use super::encoding::EncodingSize;
use super::kernel::{FilterJob, GROUP, LANES, MAX_ROWS, SurvivorQueue};
use super::key::{Key, KeyLayout, KeyLayoutError, PartyPair};
use super::prefix::choose_prefix;
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
    compare(a, b, pair, spec, out, stop, |_, _| true)
}

/// [`compare_tiles`], of the pairs of rows (row of a, row of b) that `accept` accepts. It is asked about
/// candidates only.
pub(super) fn compare<K: Key>(
    a: &Tile,
    b: &Tile,
    pair: PartyPair,
    spec: &CompareSpec,
    out: &mut Vec<K>,
    stop: &dyn Fn() -> bool,
    accept: impl Fn(u32, u32) -> bool,
) -> Result<Stats, Stopped> {
    assert!(a.size() == spec.size && b.size() == spec.size, "tiles and spec must agree on the encoding size");
    assert!(a.kernel() == b.kernel(), "both tiles must be prepared for the same kernel");
    let (found_before, pair_index) = (out.len(), spec.layout.pair_index(pair));
    let prefix_bits = choose_prefix(a, b, &spec.need);
    let (rest_a, rest_b) = (a.rests(prefix_bits), b.rests(prefix_bits));
    let rest_a = &rest_a[..a.len()];
    let mut queue = SurvivorQueue::new();
    let mut words_since_poll = 0;
    for group in 0..b.groups() {
        let popcounts = &b.popcounts()[group * GROUP..((group + 1) * GROUP).min(b.len())];
        let (least, most) = (u32::from(popcounts[0]), u32::from(popcounts[popcounts.len() - 1]));
        let rows = rows_in_window(a, &spec.need, least, most);
        let need = &spec.need.as_slice()[least as usize..];
        for start in rows.clone().step_by(MAX_ROWS) {
            let rows = start..(start + MAX_ROWS).min(rows.end);
            words_since_poll += rows.len() * GROUP * spec.size.words();
            if words_since_poll >= POLL_WORDS {
                words_since_poll = 0;
                if stop() {
                    return Err(Stopped);
                }
            }
            let job = FilterJob { a, rows, b, group, prefix_bits, rest_a, rest_b: &rest_b, need };
            a.kernel().filter(&job, &mut queue);
            settle(a, b, spec, pair_index, &queue, out, &accept);
        }
    }
    if stop() {
        return Err(Stopped);
    }
    let comparisons = a.len() as u64 * b.len() as u64;
    Ok(Stats { comparisons, candidates: (out.len() - found_before) as u64 })
}

/// The rows of `a` that may reach the threshold with some popcount in `least..=most`.
fn rows_in_window(a: &Tile, need: &NeedTable, least: u32, most: u32) -> std::ops::Range<usize> {
    // An empty filter has no partners; the window of the least popcount that has any starts the range.
    let (low, _) = need.window(least.max(1));
    let (_, high) = need.window(most);
    let popcounts = a.popcounts();
    let start = popcounts.partition_point(|&popcount| u32::from(popcount) < low);
    let end = popcounts.partition_point(|&popcount| u32::from(popcount) <= high);
    start..end.max(start)
}

/// Appends the keys of those survivors that are candidates.
fn settle<K: Key>(
    a: &Tile,
    b: &Tile,
    spec: &CompareSpec,
    pair_index: u32,
    queue: &SurvivorQueue,
    out: &mut Vec<K>,
    accept: &impl Fn(u32, u32) -> bool,
) {
    let mut keys = [K::default(); LANES];
    for (survivors, counts) in queue.iter() {
        let place_a = survivors.a;
        let (id_a, popcount_a) = (a.ids()[place_a], u32::from(a.popcounts()[place_a]));
        // A mask never reaches past the last row: lanes beyond it hold zeros, and every need is at least 1.
        let end = (survivors.b + LANES).min(b.len());
        let ids_b = &b.ids()[survivors.b..end];
        let popcounts_b = &b.popcounts()[survivors.b..end];
        let (mut mask, mut found) = (survivors.mask, 0);
        while mask != 0 {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let (and, sum) = (u32::from(counts.0[lane]), popcount_a + u32::from(popcounts_b[lane]));
            let need = spec.need.need(sum);
            // No branch on whether it passes: where survivors are many that would be a coin toss. The key
            // of one that fails is any key, and overwritten.
            let rank = spec.ranks.rank(and.max(need), sum);
            keys[found] = spec.layout.encode(rank, pair_index, id_a, ids_b[lane]);
            found += usize::from(and >= need && accept(id_a, ids_b[lane]));
        }
        out.extend_from_slice(&keys[..found]);
    }
}
