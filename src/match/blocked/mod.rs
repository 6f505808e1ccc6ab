//! Comparing only the pairs that share a block.
//!
//! The unit of work is a slice of a common block: some of its rows in a × some of its rows in b. Small slices,
//! of which there may be millions, are gathered side by side, many at once (so that fetching their rows from
//! all over memory overlaps), and compared row against row. Large ones are gathered into tiles and take the
//! kernel's filter.

mod small;

use std::ops::Range;

use small::SmallSlices;

use super::blocks::{BlockIndex, CommonBlock, Counterparts, common_blocks};
use super::encoding::Encodings;
use super::kernel::Kernel;
use super::key::{Key, PartyPair};
use super::order::BitOrder;
use super::search::{CompareSpec, Share, Stats, Stopped, compare};
use super::sink::Sink;
use super::tile::{TILE_ROWS, Tile};

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

    /// What it takes, as the number of comparisons inside large slices that take as long.
    fn cost(&self) -> u64 {
        self.comparisons() + ROW_COST * (self.rows_a.len() + self.rows_b.len()) as u64
    }
}

/// Slices with fewer rows than this on a side are not worth a tile.
const LEAST_ROWS: usize = 96;

/// Fetching a row takes as long as so many comparisons. Without it millions of tiny blocks would be one batch.
const ROW_COST: u64 = 200;

/// One party of a blocked comparison.
#[derive(Clone, Copy, Debug)]
pub struct Blocked<'a> {
    /// Its rows.
    pub encodings: &'a Encodings,
    /// Its blocks.
    pub index: &'a BlockIndex,
}

/// How the blocks that two parties have in common are compared.
#[derive(Clone, Debug)]
pub struct BlockPlan {
    batches: Vec<Vec<BlockSlice>>,
    counterparts: Counterparts,
}

impl BlockPlan {
    /// Cuts the common blocks into batches of slices, in block order. A batch takes about as long as `target`
    /// comparisons and never holds more, save that blocks are cut into pieces of at least one row by one row;
    /// blocks that fit are kept whole.
    pub fn new(a: &BlockIndex, b: &BlockIndex, target: u64) -> Self {
        let common = common_blocks(a, b);
        let target = target.max(1);
        let mut batches = Vec::new();
        let mut batch: Vec<BlockSlice> = Vec::new();
        let mut in_batch = 0;
        for block in &common {
            let (rows_a, rows_b) = (a.block(block.a).len() as u32, b.block(block.b).len() as u32);
            for slice in cut_block(rows_a, rows_b, block, target) {
                if in_batch + slice.cost() > target && !batch.is_empty() {
                    batches.push(std::mem::take(&mut batch));
                    in_batch = 0;
                }
                in_batch += slice.cost();
                batch.push(slice);
            }
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        Self { batches, counterparts: Counterparts::new(a, &common) }
    }

    /// The batches, by their numbers.
    pub fn batches(&self) -> &[Vec<BlockSlice>] {
        &self.batches
    }

    /// How many blocks are so large that they were cut.
    pub fn cut_blocks(&self) -> usize {
        let slices = || self.batches.iter().flatten();
        // A cut block has more slices than its first one.
        slices().zip(slices().skip(1)).filter(|(one, next)| is_first(one) && !is_first(next)).count()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let slices: usize = self.batches.iter().map(Vec::capacity).sum();
        slices * size_of::<BlockSlice>() + self.counterparts.memory_bytes()
    }
}

/// Whether a slice begins its block.
fn is_first(slice: &BlockSlice) -> bool {
    slice.rows_a.start == 0 && slice.rows_b.start == 0
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

/// Compares the pairs of a plan's batch (panics when it does not exist) and gives the keys of candidates to `out`, in no
/// particular order, piece by piece. Over all batches each pair of rows is emitted at most once. `order` is used for large
/// slices; any order will do.
#[allow(clippy::too_many_arguments)]
pub fn compare_blocks<K: Key, S: Sink<K>>(
    kernel: Kernel,
    a: Blocked,
    b: Blocked,
    (plan, batch): (&BlockPlan, usize),
    pair: PartyPair,
    spec: &CompareSpec,
    order: &BitOrder,
    out: &mut S,
    stop: &dyn Fn() -> bool,
) -> Result<Stats, S::Error> {
    assert!(a.encodings.size() == spec.size && b.encodings.size() == spec.size);
    let mut stats = Stats::default();
    let mut small = SmallSlices::new(kernel, a, b, plan, pair, spec);
    for slice in &plan.batches[batch] {
        stats.comparisons += slice.comparisons();
        let rows_a = &a.index.block(slice.block_a)[slice.rows_a.start as usize..slice.rows_a.end as usize];
        let rows_b = &b.index.block(slice.block_b)[slice.rows_b.start as usize..slice.rows_b.end as usize];
        if rows_a.len().min(rows_b.len()) < LEAST_ROWS {
            if small.push(slice.block_a, rows_a, rows_b, out)? && stop() {
                return Err(Stopped.into());
            }
            continue;
        }
        let accept = |row_a, row_b| {
            plan.counterparts.is_smallest_shared(a.index, row_a, b.index, row_b, slice.block_a)
        };
        for rows_b in rows_b.chunks(TILE_ROWS) {
            let tile_b = Tile::gather(kernel, b.encodings, rows_b, order);
            for rows_a in rows_a.chunks(TILE_ROWS) {
                let tile_a = Tile::gather(kernel, a.encodings, rows_a, order);
                let found = compare(&tile_a, &tile_b, Share::WHOLE, pair, spec, out, stop, Some(&accept))?;
                stats.candidates += found.candidates;
            }
        }
    }
    small.settle(out)?;
    stats.candidates += small.found();
    Ok(stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_every_pair_of_every_block_once() {
        let members = |sizes: &[(u8, u32)]| {
            sizes.iter().flat_map(|&(id, rows)| (0..rows).map(move |row| ([id; 32], row))).collect()
        };
        let a = BlockIndex::build(100, members(&[(1, 1), (2, 100), (3, 7), (4, 1)])).unwrap();
        let b = BlockIndex::build(100, members(&[(1, 2), (2, 90), (3, 1), (5, 1)])).unwrap();
        let common = common_blocks(&a, &b);
        for target in [0, 1, 5, 100, 1000, u64::MAX] {
            let plan = BlockPlan::new(&a, &b, target);
            let mut seen = std::collections::HashSet::new();
            for slice in plan.batches().iter().flatten() {
                for i in slice.rows_a.clone() {
                    assert!(slice.rows_b.clone().all(|j| seen.insert((slice.block_a, i, j))));
                }
            }
            assert_eq!(seen.len() as u64, common.iter().map(|block| block.comparisons).sum::<u64>());
            let comparisons =
                |batch: &Vec<BlockSlice>| batch.iter().map(BlockSlice::comparisons).sum::<u64>();
            assert!(plan.batches().iter().all(|batch| comparisons(batch) <= target.max(1)), "{target}");
            let too_large = common.iter().filter(|block| block.comparisons > target.max(1)).count();
            assert_eq!(plan.cut_blocks(), too_large, "{target}");
        }
    }

    #[test]
    fn many_tiny_blocks_are_many_batches() {
        let members =
            || (0..10_000u32).map(|row| (std::array::from_fn(|at| (row >> (at % 4 * 8)) as u8), row));
        let index = BlockIndex::build(10_000, members().collect()).unwrap();
        let plan = BlockPlan::new(&index, &index, 100_000);
        assert_eq!(plan.batches().iter().flatten().map(BlockSlice::comparisons).sum::<u64>(), 10_000);
        assert!((20..=60).contains(&plan.batches().len()), "{}", plan.batches().len());
    }
}
