//! From unsorted keys to groups: sort, merge and solve, candidates per second on one thread.
//!
//! Ten million candidates of two parties of a million records each, scores crowded at the low end as they are
//! above any threshold; and of three parties, which are solved only. Beside the product: a sort of (score, row, row) tuples, which is what a key replaces.

mod data;

use anonlink::matching::encoding::EncodingSize;
use anonlink::matching::key::KeyLayout;
use anonlink::matching::merge::Merge;
use anonlink::matching::score::ScoreRanks;
use anonlink::matching::solve::Solver;
use anonlink::matching::sort::Sorter;
use anonlink::matching::threshold::Threshold;
use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const CANDIDATES: usize = 10_000_000;
const ROWS: u32 = 1_000_000;

struct Keys {
    ranks: ScoreRanks,
    layout: KeyLayout,
    keys: Vec<u64>,
}

fn random_keys() -> Keys {
    let size = EncodingSize::new(128).expect("a size");
    let ranks = ScoreRanks::new(size, Threshold::new(0.7).expect("in range"));
    let layout = KeyLayout::new(&ranks, &[ROWS, ROWS]).expect("two parties");
    let mut random = data::Random(7);
    let keys = (0..CANDIDATES).map(|_| {
        let from_the_end = random.unit().powi(3) * f64::from(ranks.len());
        let mut row = || (random.next() % u64::from(ROWS)) as u32;
        layout.encode(ranks.len() - 1 - from_the_end as u32, 0, row(), row())
    });
    Keys { keys: keys.collect(), ranks, layout }
}

/// Sorted keys of three parties of so many records each. Of a hundred, `belong` are of records that belong together, and come early.
fn three_parties_keys(rows: u32, belong: u64) -> (KeyLayout, Vec<u64>) {
    const RANKS: u64 = 1 << 12;
    let layout =
        KeyLayout { parties: 3, rank_bits: 12, pair_bits: 2, row0_bits: width(rows), row1_bits: width(rows) };
    let mut random = data::Random(8);
    let key = |_| {
        let mut below = |end: u64| random.next() % end;
        let (pair, entities) = (below(3) as usize, [below(rows.into()), below(rows.into())]);
        let (rank, entities) = match below(100) < belong {
            true => (below(RANKS / 2), [entities[0]; 2]),
            false => (RANKS - 1 - below(RANKS) * below(RANKS) / RANKS, entities),
        };
        // Where the records of an entity stand in each party: one has nothing to do with the other.
        let row = |side: usize| {
            let party = [[0, 1], [0, 2], [1, 2]][pair][side];
            (entities[side] * [1, 7_777_777, 5_555_557][party] % u64::from(rows)) as u32
        };
        layout.encode(rank as u32, pair as u32, row(0), row(1))
    };
    let mut keys: Vec<u64> = (0..CANDIDATES).map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    (layout, keys)
}

/// Bits of a row's number.
fn width(rows: u32) -> u8 {
    (u32::BITS - (rows - 1).leading_zeros()) as u8
}

fn solve(keys: &[u64], layout: &KeyLayout, rows: u32) -> usize {
    let mut solver = Solver::new(&vec![rows; layout.parties.into()]).expect("few parties");
    keys.chunks(1 << 16).for_each(|keys| solver.push_keys(layout, keys).expect("rows in range"));
    solver.finish().len()
}

/// Sorts keys that come in pieces, as the search hands them over.
fn sort(keys: &[u64], layout: &KeyLayout, mut take: impl FnMut(&[u64])) {
    let mut sorter = Sorter::new(layout.bits());
    for piece in keys.chunks(1 << 18) {
        sorter.buffer().extend_from_slice(piece);
        sorter.settle();
    }
    let each = sorter.sorted().each(1, |batch| {
        take(batch);
        Ok::<_, std::convert::Infallible>(())
    });
    let Ok(()) = each;
}

fn two_parties(c: &mut Criterion) {
    let Keys { ranks, layout, keys } = random_keys();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    let mut group = c.benchmark_group("candidates");
    group.throughput(Throughput::Elements(CANDIDATES as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);

    group.bench_function("sort and solve", |bencher| {
        bencher.iter(|| {
            let mut solver = Solver::new(&[ROWS, ROWS]).expect("two parties");
            sort(&keys, &layout, |batch| {
                solver.push_keys(&layout, batch).expect("rows in range");
            });
            solver.finish().len()
        });
    });
    group.bench_function("sort", |bencher| {
        bencher.iter(|| {
            let mut count = 0;
            sort(&keys, &layout, |batch| count += batch.len());
            count
        });
    });
    group.bench_function("sort by the standard library", |bencher| {
        let sort = |mut keys: Vec<u64>| {
            keys.sort_unstable();
            keys
        };
        bencher.iter_batched(|| keys.clone(), sort, BatchSize::LargeInput);
    });
    group.bench_function("solve", |bencher| bencher.iter(|| solve(&sorted, &layout, ROWS)));
    group.bench_function("merge of 64 runs", |bencher| {
        let run = |run: usize| sorted.iter().skip(run).step_by(64).copied().collect::<Vec<_>>();
        let runs: Vec<Vec<u64>> = (0..64).map(run).collect();
        let merge = |runs: Vec<Vec<u64>>| {
            let (mut merge, mut count) = (Merge::new(runs.into_iter().map(Vec::into_iter).collect()), 0);
            let mut batch = Vec::new();
            loop {
                let Ok(()) = merge.next_batch(&mut batch);
                if batch.is_empty() {
                    return count;
                }
                count += batch.len();
            }
        };
        bencher.iter_batched(|| runs.clone(), merge, BatchSize::LargeInput);
    });
    group.bench_function("sort of tuples", |bencher| {
        let tuples: Vec<(f64, u32, u32)> = keys
            .iter()
            .filter_map(|&key| layout.decode(&ranks, key))
            .map(|candidate| (candidate.score, candidate.row0, candidate.row1))
            .collect();
        let sort = |mut tuples: Vec<(f64, u32, u32)>| {
            tuples.sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
            tuples
        };
        bencher.iter_batched(|| tuples.clone(), sort, BatchSize::LargeInput);
    });
    group.finish();
}

fn three_parties(c: &mut Criterion) {
    let mut group = c.benchmark_group("candidates of three parties");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (name, rows, belong) in [("sparse", 3 * ROWS, 85), ("dense", ROWS, 10)] {
        let (layout, keys) = three_parties_keys(rows, belong);
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| solve(&keys, &layout, rows)));
    }
    group.finish();
}

criterion_group!(benches, two_parties, three_parties);
criterion_main!(benches);
