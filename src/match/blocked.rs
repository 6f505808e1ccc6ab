//! Comparing only the pairs that share a block.
//!
//! The unit of work is a slice of a common block: some of its rows in a × some of its rows in b. Small
//! slices, of which there may be millions, are compared row against row where the rows lie; large ones are
//! gathered into tiles first and take the kernel's filter.

use std::ops::Range;

use super::blocks::{BlockIndex, CommonBlock, is_smallest_shared};
use super::encoding::Encodings;
use super::kernel::Kernel;
use super::key::{Key, PartyPair};
use super::order::BitOrder;
use super::search::{CompareSpec, POLL_WORDS, Stats, Stopped, compare};
use super::tile::Tile;

/// Part of a common block: rows by their position in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSlice {
    /// Number of the block in a's index.
    pub block_a: u32,
    /// Number of the block in b's index.
    pub block_b: u32,
    /// Positions in the block's rows of a.
    pub rows_a: Range<u32>,
    /// Positions in the block's rows of b.
    pub rows_b: Range<u32>,
}

impl BlockSlice {
    /// Pairs in the slice.
    pub fn comparisons(&self) -> u64 {
        self.rows_a.len() as u64 * self.rows_b.len() as u64
    }
}

/// One party of a blocked comparison.
#[derive(Clone, Copy, Debug)]
pub struct Blocked<'a> {
    /// Its rows.
    pub encodings: &'a Encodings,
    /// Its blocks.
    pub index: &'a BlockIndex,
}

/// Gathering into tiles costs about as much as so many direct comparisons per row.
const TILE_ROWS: usize = 48;

/// Cuts common blocks into batches of slices, in block order. A batch holds at most `target` comparisons,
/// save that blocks are cut into pieces of at least one row by one row; blocks that fit are kept whole.
pub fn plan_batches(
    a: &BlockIndex,
    b: &BlockIndex,
    common: &[CommonBlock],
    target: u64,
) -> Vec<Vec<BlockSlice>> {
    let target = target.max(1);
    let mut batches = Vec::new();
    let mut batch: Vec<BlockSlice> = Vec::new();
    let mut in_batch = 0;
    for block in common {
        for slice in cut_block(a.block(block.a).len() as u32, b.block(block.b).len() as u32, block, target) {
            if in_batch + slice.comparisons() > target && !batch.is_empty() {
                batches.push(std::mem::take(&mut batch));
                in_batch = 0;
            }
            in_batch += slice.comparisons();
            batch.push(slice);
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// One block as slices of at most `target` pairs, as square as may be.
fn cut_block(rows_a: u32, rows_b: u32, block: &CommonBlock, target: u64) -> impl Iterator<Item = BlockSlice> {
    let (block_a, block_b) = (block.a, block.b);
    let whole = u64::from(rows_a) * u64::from(rows_b) <= target;
    let side = u32::try_from(target.isqrt()).unwrap_or(u32::MAX);
    let step_a = if whole { rows_a } else { rows_a.min(side) };
    let step_b = if whole { rows_b } else { u64::from(rows_b).min(target / u64::from(step_a)) as u32 };
    (0..rows_a).step_by(step_a.max(1) as usize).flat_map(move |i| {
        (0..rows_b).step_by(step_b.max(1) as usize).map(move |j| BlockSlice {
            block_a,
            block_b,
            rows_a: i..i.saturating_add(step_a).min(rows_a),
            rows_b: j..j.saturating_add(step_b).min(rows_b),
        })
    })
}

/// Compares the pairs of some slices and appends the keys of candidates to `out`, in no particular order.
/// Over all slices of all common blocks each pair of rows is emitted at most once. `order` is used for large
/// slices; any order will do.
#[allow(clippy::too_many_arguments)]
pub fn compare_blocks<K: Key>(
    kernel: Kernel,
    a: Blocked,
    b: Blocked,
    slices: &[BlockSlice],
    pair: PartyPair,
    spec: &CompareSpec,
    order: &BitOrder,
    out: &mut Vec<K>,
    stop: &dyn Fn() -> bool,
) -> Result<Stats, Stopped> {
    assert!(a.encodings.size() == spec.size && b.encodings.size() == spec.size);
    let pair_index = spec.layout.pair_index(pair);
    let mut stats = Stats::default();
    let mut words_since_poll = 0;
    for slice in slices {
        let rows_a = &a.index.block(slice.block_a)[slice.rows_a.start as usize..slice.rows_a.end as usize];
        let rows_b = &b.index.block(slice.block_b)[slice.rows_b.start as usize..slice.rows_b.end as usize];
        let found_before = out.len();
        let first = |row_a, row_b| is_smallest_shared(a.index, row_a, b.index, row_b, slice.block_a);
        if rows_a.len().min(rows_b.len()) >= TILE_ROWS {
            let tile_a = Tile::gather(kernel, a.encodings, rows_a, order);
            let tile_b = Tile::gather(kernel, b.encodings, rows_b, order);
            compare(&tile_a, &tile_b, pair, spec, out, stop, first)?;
        } else {
            compare_rows(kernel, (a.encodings, rows_a), (b.encodings, rows_b), pair_index, spec, out, first);
            words_since_poll += rows_a.len() * rows_b.len() * spec.size.words() + 64;
            if words_since_poll >= POLL_WORDS {
                words_since_poll = 0;
                if stop() {
                    return Err(Stopped);
                }
            }
        }
        stats += Stats { comparisons: slice.comparisons(), candidates: (out.len() - found_before) as u64 };
    }
    Ok(stats)
}

/// Row against row, where they lie.
fn compare_rows<K: Key>(
    kernel: Kernel,
    (a, rows_a): (&Encodings, &[u32]),
    (b, rows_b): (&Encodings, &[u32]),
    pair_index: u32,
    spec: &CompareSpec,
    out: &mut Vec<K>,
    accept: impl Fn(u32, u32) -> bool,
) {
    for &i in rows_a {
        let (row_a, popcount_a) = (a.row(i), a.popcount(i));
        let (low, high) = spec.need.window(popcount_a);
        for &j in rows_b {
            let popcount_b = b.popcount(j);
            if (low..=high).contains(&popcount_b) {
                let sum = popcount_a + popcount_b;
                let and = kernel.and_count(row_a, b.row(j));
                if and >= spec.need.need(sum) && accept(i, j) {
                    out.push(spec.layout.encode(spec.ranks.rank(and, sum), pair_index, i, j));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::blocks::common_blocks;

    #[test]
    fn batches_cover_every_pair_of_every_block_once() {
        let members = |sizes: &[(u8, u32)]| {
            sizes.iter().flat_map(|&(id, rows)| (0..rows).map(move |row| ([id; 32], row))).collect()
        };
        let a = BlockIndex::build(100, members(&[(1, 1), (2, 100), (3, 7), (4, 1)])).unwrap();
        let b = BlockIndex::build(100, members(&[(1, 2), (2, 90), (3, 1), (5, 1)])).unwrap();
        let common = common_blocks(&a, &b);
        for target in [0, 1, 5, 100, 1000, u64::MAX] {
            let batches = plan_batches(&a, &b, &common, target);
            let mut seen = std::collections::HashSet::new();
            for slice in batches.iter().flatten() {
                for i in slice.rows_a.clone() {
                    assert!(slice.rows_b.clone().all(|j| seen.insert((slice.block_a, i, j))));
                }
            }
            assert_eq!(seen.len() as u64, common.iter().map(|block| block.comparisons).sum::<u64>());
            let cost = |batch: &Vec<BlockSlice>| batch.iter().map(BlockSlice::comparisons).sum::<u64>();
            assert!(batches.iter().all(|batch| cost(batch) <= target.max(1)), "{target}");
        }
    }
}
