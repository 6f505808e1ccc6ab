//! Whole parties at once, on all threads: what the one-shot `link` command runs.
//!
//! Every pair of parties is cut into tasks (a share of tile against tile, or a batch of common blocks); threads take the
//! next task from a shared counter, and each deals what it finds to a sorter of its own. The candidates come
//! out sorted, so they depend neither on the number of threads nor on the cut. Memory for them: 8 or 16 bytes
//! each (the width of a key), and a few MiB per thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::blocked::{BlockPlan, Blocked, compare_blocks};
use super::blocks::{BlockIndex, common_blocks};
use super::encoding::Encodings;
use super::kernel::Kernel;
use super::key::{Key, PartyPair};
use super::order::BitOrder;
use super::search::{CompareSpec, Share, Stats, Stopped, compare};
use super::sort::{Sorted, Sorter};
use super::tile::{Tile, tile_ranges};

/// Pairs of two tiles are shared out to so many tasks per thread, at least.
const TASKS_PER_THREAD: usize = 8;
/// Fewer pairs than this are not worth a task of their own.
const LEAST_SHARE: usize = 1 << 23;
/// Comparisons per batch of blocks.
const BATCH: u64 = 1 << 24;

/// How to run.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// Which instructions.
    pub kernel: Kernel,
    /// How many threads; at least one is used.
    pub threads: usize,
    /// Asked often, from all threads; once it is true the search ends with [`Stopped`].
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Counts comparisons done, up to [`total_comparisons`].
    pub progress: &'a AtomicU64,
}

/// The parts of a search, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Choosing the order of bits, making tiles, planning tasks.
    Prepare,
    /// Comparing, on all threads.
    Compare,
    /// Putting the threads' candidates together; they are sorted as they are taken.
    Merge,
}

enum Task {
    Tiles { pair: PartyPair, a: usize, b: usize, share: Share },
    Blocks { pair: PartyPair, plan: Arc<BlockPlan>, batch: usize },
}

/// The comparisons that a linkage takes: all pairs of records of different parties, or the pairs of all
/// common blocks.
pub fn total_comparisons(parties: &[&Encodings], blocks: Option<&[&BlockIndex]>) -> u64 {
    let of_pair = |PartyPair { party0, party1 }: PartyPair| {
        let (p, q) = (usize::from(party0), usize::from(party1));
        match blocks {
            Some(blocks) => common_blocks(blocks[p], blocks[q]).iter().map(|block| block.comparisons).sum(),
            None => parties[p].len() as u64 * parties[q].len() as u64,
        }
    };
    PartyPair::all(parties.len()).map(of_pair).sum()
}

/// Finds all candidates of some parties, sorted, in one piece. With `blocks`, one index per party, only pairs
/// that share a block.
///
/// `K` must be wide enough for the spec's layout: `u64` where
/// [`KeyLayout::fits_u64`](super::key::KeyLayout::fits_u64), else `u128`.
pub fn find_candidates<K: Key>(
    parties: &[&Encodings],
    blocks: Option<&[&BlockIndex]>,
    spec: &CompareSpec,
    resources: Resources,
) -> Result<(Vec<K>, Stats), Stopped> {
    let (sorted, stats) = stream_candidates(parties, blocks, spec, resources, |_| ())?;
    let mut all = Vec::with_capacity(sorted.len());
    let collect = |keys: &[K]| {
        all.extend_from_slice(keys);
        Ok::<_, Stopped>(())
    };
    sorted.each(resources.threads, collect)?;
    Ok((all, stats))
}

/// [`find_candidates`], batch by batch, so that they are never there a second time. Tells `enter` of each phase
/// as it begins, so that a caller with a clock can time them.
pub fn stream_candidates<K: Key>(
    parties: &[&Encodings],
    blocks: Option<&[&BlockIndex]>,
    spec: &CompareSpec,
    resources: Resources,
    mut enter: impl FnMut(Phase),
) -> Result<(Sorted<K>, Stats), Stopped> {
    assert!(spec.layout.bits() <= K::BITS, "keys of {} bits do not fit {}", spec.layout.bits(), K::BITS);
    assert!(usize::from(spec.layout.parties) == parties.len());
    enter(Phase::Prepare);
    let order = BitOrder::from_samples(parties);
    let tiles = match blocks {
        None => prepare_tiles(parties, &order, resources),
        Some(_) => parties.iter().map(|_| Vec::new()).collect(),
    };
    let tasks = plan(parties, blocks, &tiles, resources.threads);
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let stop = || {
        if (resources.stop)() {
            stopped.store(true, Ordering::Relaxed);
        }
        stopped.load(Ordering::Relaxed)
    };
    let work = || -> Result<(Sorter<K>, Stats), Stopped> {
        let (mut found, mut stats) = (Sorter::new(spec.layout.bits()), Stats::default());
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = match task {
                Task::Tiles { pair, a, b, share } => {
                    let (a, b) = (&tiles[usize::from(pair.party0)][*a], &tiles[usize::from(pair.party1)][*b]);
                    compare(a, b, *share, *pair, spec, &mut found, &stop, None)?
                }
                Task::Blocks { pair, plan, batch } => {
                    let party = |number: u16| Blocked {
                        encodings: parties[usize::from(number)],
                        index: blocks.expect("only blocked linkages have such tasks")[usize::from(number)],
                    };
                    let (a, b) = (party(pair.party0), party(pair.party1));
                    let batch = (&**plan, *batch);
                    compare_blocks(resources.kernel, a, b, batch, *pair, spec, &order, &mut found, &stop)?
                }
            };
            resources.progress.fetch_add(done.comparisons, Ordering::Relaxed);
            stats += done;
        }
        if stop() { Err(Stopped) } else { Ok((found, stats)) }
    };
    enter(Phase::Compare);
    let results = on_threads(resources.threads, work);
    enter(Phase::Merge);
    let (mut found, mut stats) = (Vec::new(), Stats::default());
    for result in results {
        let (sorter, part) = result?;
        stats += part;
        found.push(sorter);
    }
    Ok((Sorter::sorted_together(found), stats))
}

/// Runs `work` on so many threads, this one included.
fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&work)).collect();
        let mut results = vec![work()];
        results.extend(others.into_iter().map(|thread| thread.join().expect("a search thread panicked")));
        results
    })
}

/// All rows of each party as tiles. Rows are dealt out by popcount over the whole party, so that most pairs
/// of far tiles are settled by their windows.
fn prepare_tiles(parties: &[&Encodings], order: &BitOrder, resources: Resources) -> Vec<Vec<Tile>> {
    let mut jobs = Vec::new();
    for (party, encodings) in parties.iter().enumerate() {
        let mut rows: Vec<u32> = (0..encodings.len() as u32).collect();
        rows.sort_unstable_by_key(|&row| (encodings.popcount(row), row));
        let ranges = tile_ranges(0..rows.len() as u32);
        jobs.extend(ranges.map(|range| (party, rows[range.start as usize..range.end as usize].to_vec())));
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Tile)> = on_threads(resources.threads, || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((party, rows)) = jobs.get(number) else { return done };
            done.push((number, Tile::gather(resources.kernel, parties[*party], rows, order)));
        }
    })
    .into_iter()
    .flatten()
    .collect();
    done.sort_by_key(|&(number, _)| number);
    let mut tiles: Vec<Vec<Tile>> = parties.iter().map(|_| Vec::new()).collect();
    done.into_iter().for_each(|(number, tile)| tiles[jobs[number].0].push(tile));
    tiles
}

/// With blocks there are no tiles.
fn plan(
    parties: &[&Encodings],
    blocks: Option<&[&BlockIndex]>,
    tiles: &[Vec<Tile>],
    threads: usize,
) -> Vec<Task> {
    let tile_pairs = |PartyPair { party0, party1 }: PartyPair| {
        (0..tiles[usize::from(party0)].len())
            .flat_map(move |a| (0..tiles[usize::from(party1)].len()).map(move |b| (a, b)))
    };
    let all_tile_pairs: usize = PartyPair::all(parties.len()).map(|pair| tile_pairs(pair).count()).sum();
    let most_shares = (TASKS_PER_THREAD * threads.max(1)).div_ceil(all_tile_pairs.max(1));
    let mut tasks = Vec::new();
    for pair in PartyPair::all(parties.len()) {
        let (p, q) = (usize::from(pair.party0), usize::from(pair.party1));
        tasks.extend(tile_pairs(pair).flat_map(|(a, b)| {
            let of = (tiles[p][a].len() * tiles[q][b].len() / LEAST_SHARE).clamp(1, most_shares);
            (0..of).map(move |number| Task::Tiles { pair, a, b, share: Share { number, of } })
        }));
        if let Some(blocks) = blocks {
            let plan = Arc::new(BlockPlan::new(blocks[p], blocks[q], BATCH));
            let batches = 0..plan.batches().len();
            tasks.extend(batches.map(|batch| Task::Blocks { pair, plan: plan.clone(), batch }));
        }
    }
    tasks
}
