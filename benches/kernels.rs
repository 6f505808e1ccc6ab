//! Comparisons per second of every kernel that this machine can run, one thread, tiles prepared beforehand.
//!
//! Three sets of 10 000 × 10 000 encodings of 1024 bits: `sparse` (uniform bits, popcount 400 ± 60), `dense`
//! (like encodings of names: popcount 696 ± 22, pruning is weak; at .7 most pairs are candidates) and `alike`
//! (nothing can be pruned: the speed of bare counting). Pruned pairs count as done. Read each figure against
//! `scalar` in the same run. `cargo bench --bench kernels -- sparse/.8` runs one group.

mod data;

use anonlink::matching::kernel::Kernel;
use anonlink::matching::key::PartyPair;
use anonlink::matching::order::BitOrder;
use anonlink::matching::search::{CompareSpec, compare_tiles};
use anonlink::matching::threshold::Threshold;
use anonlink::matching::tile::Tile;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

const ROWS: u32 = 10_000;

fn kernels(c: &mut Criterion) {
    let sets = [
        ("sparse", data::sparse(ROWS as usize), &[0.7, 0.8, 0.9][..]),
        ("dense", data::dense(ROWS as usize), &[0.7, 0.8, 0.9]),
        ("alike", data::alike(ROWS as usize), &[0.99]),
    ];
    for (name, (a, b), thresholds) in &sets {
        for &threshold in *thresholds {
            let checked = Threshold::new(threshold).expect("in range");
            let spec = CompareSpec::new(a.size(), checked, &[ROWS, ROWS]).expect("two parties");
            let mut group = c.benchmark_group(format!("{name}/{threshold}"));
            group.throughput(Throughput::Elements(u64::from(ROWS) * u64::from(ROWS)));
            group.sampling_mode(SamplingMode::Flat).sample_size(10);
            for kernel in Kernel::available() {
                // Putting the bits that differ first is just what would prune `alike`.
                let order = match *name {
                    "alike" => BitOrder::identity(),
                    _ => BitOrder::from_samples(&[a, b]),
                };
                let tiles = [a, b].map(|party| Tile::prepare(kernel, party, 0..ROWS, &order));
                group.bench_function(kernel.name(), |bencher| {
                    let mut found: Vec<u64> = Vec::new();
                    bencher.iter(|| {
                        found.clear();
                        let pair = PartyPair::new(0, 1);
                        compare_tiles(&tiles[0], &tiles[1], pair, &spec, &mut found, &|| false)
                    });
                });
            }
            group.finish();
        }
    }
}

fn prepare(c: &mut Criterion) {
    let (dense, _) = data::dense(ROWS as usize);
    let order = BitOrder::from_samples(&[&dense, &dense]);
    let mut group = c.benchmark_group("prepare");
    group.throughput(Throughput::Elements(u64::from(ROWS))).sample_size(20);
    for kernel in Kernel::available() {
        group.bench_function(kernel.name(), |bencher| {
            bencher.iter(|| Tile::prepare(kernel, &dense, 0..ROWS, &order));
        });
    }
    group.finish();
}

/// Other sizes than 1024 bits, at 0.8: per pair more bits take more time, not per bit.
fn sizes(c: &mut Criterion) {
    const ROWS: u32 = 4_000;
    for bits in [64, 512, 576, 1024, 2048, 8192] {
        let (a, b) = data::of_size(bits, ROWS as usize);
        let threshold = Threshold::new(0.8).expect("in range");
        let spec = CompareSpec::new(a.size(), threshold, &[ROWS, ROWS]).expect("two parties");
        let order = BitOrder::from_samples(&[&a, &b]);
        let mut group = c.benchmark_group(format!("sizes/{bits}"));
        group.throughput(Throughput::Elements(u64::from(ROWS) * u64::from(ROWS)));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for kernel in Kernel::available() {
            let [a, b] = [&a, &b].map(|party| Tile::prepare(kernel, party, 0..ROWS, &order));
            group.bench_function(kernel.name(), |bencher| {
                let mut found: Vec<u64> = Vec::new();
                bencher.iter(|| {
                    found.clear();
                    compare_tiles(&a, &b, PartyPair::new(0, 1), &spec, &mut found, &|| false)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels, prepare, sizes);
criterion_main!(benches);
