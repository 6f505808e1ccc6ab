//! From unsorted keys to groups: sort, merge and solve, candidates per second on one thread.
//!
//! Ten million candidates of two parties of a million records each, scores crowded at the low end as they are
//! above any threshold. Beside the product: a sort of (score, row, row) tuples, which is what a key replaces.

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

fn solve(keys: impl Iterator<Item = u64>, layout: &KeyLayout) -> usize {
    let mut solver = Solver::new(&[ROWS, ROWS]).expect("two parties");
    for key in keys {
        let (_, row0, row1) = layout.records(key);
        solver.push_pair(0, row0, 1, row1).expect("rows in range");
    }
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
                for key in batch {
                    let (_, row0, row1) = layout.records(*key);
                    solver.push_pair(0, row0, 1, row1).expect("rows in range");
                }
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
    group.bench_function("solve", |bencher| bencher.iter(|| solve(sorted.iter().copied(), &layout)));
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

criterion_group!(benches, two_parties);
criterion_main!(benches);
