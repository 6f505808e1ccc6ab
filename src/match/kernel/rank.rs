//! From counts to candidates: which lanes reach the threshold, and the ranks of their scores.
//!
//! Where nearly every pair is a candidate this is most of the work, and where few are it is none. So it has no branch
//! on whether a lane passes: where many do and many don't that would be a coin toss.
//!
//! Sixteen lanes at a time by AVX-512 against lane by lane, the whole search of FEBRL4 at 0.7 (25 million pairs, 15.7 million
//! candidates) on one thread of a Cascade Lake: 270 ms against 310. Looking needs up once for sixteen lanes of one popcount was no
//! faster still, and once for each run of lanes of one popcount, lane by lane, a tenth slower.

use super::super::score::ScoreRanks;
use super::super::threshold::NeedTable;
use super::LANES;
use super::job::Counts;

/// One row beside up to [`LANES`] neighbouring rows of another tile, counted.
pub(crate) struct Counted<'a> {
    /// Lanes that are asked for. Each must be a row.
    pub mask: u64,
    /// |a∧b|, meaningful in the lanes of the mask.
    pub counts: &'a Counts,
    /// The row's popcount.
    pub popcount: u32,
    /// The lanes' popcounts: as many as there are rows.
    pub popcounts: &'a [u16],
    /// The lanes' original row numbers: as many.
    pub ids: &'a [u32],
}

/// Room for what is written past the last lane, a register at a time.
pub(super) const SPARE: usize = 16;

/// The candidates among some lanes, in the order of lanes.
pub(crate) struct Ranked {
    pub(super) ranks: [u32; LANES + SPARE],
    pub(super) ids: [u32; LANES + SPARE],
    pub(super) len: usize,
}

impl Ranked {
    pub(crate) fn new() -> Self {
        Self { ranks: [0; LANES + SPARE], ids: [0; LANES + SPARE], len: 0 }
    }

    /// Ranks of scores, and the lanes' row numbers beside.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        let (ranks, ids) = (&self.ranks[..self.len], &self.ids[..self.len]);
        ranks.iter().copied().zip(ids.iter().copied())
    }
}

/// Lane by lane, for every processor and every size of encodings.
pub(super) fn rank(counted: &Counted, need: &NeedTable, ranks: &ScoreRanks, into: &mut Ranked) {
    let (mut mask, mut found) = (counted.mask, 0);
    while mask != 0 {
        let lane = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        let (and, sum) =
            (u32::from(counted.counts[lane]), counted.popcount + u32::from(counted.popcounts[lane]));
        let need = need.need(sum);
        // What is written of a lane that fails is any rank, and overwritten.
        into.ranks[found] = ranks.rank(and.max(need), sum);
        into.ids[found] = counted.ids[lane];
        found += usize::from(and >= need);
    }
    into.len = found;
}
