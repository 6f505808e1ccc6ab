//! A blocked linkage in the engine, step by step: five blocks to a record, most of them tiny.
//!
//!     cargo bench --bench blocks -- [RECORDS [LARGEST [THRESHOLD [sparse|dense]]]]
//!
//! RECORDS per party (1 000 000; 1000 in a mere test), LARGEST block (10 000), threshold (0.8), encodings (sparse: popcount 400 ±
//! 60). Every step but `index` and `plan` runs on one thread and on all; each time is of one run, for a run
//! takes seconds.

mod data;

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use anonlink::matching::blocked::BlockPlan;
use anonlink::matching::blocks::common_blocks;
use anonlink::matching::driver::{Phase, Resources, stream_candidates};
use anonlink::matching::kernel::Kernel;
use anonlink::matching::search::CompareSpec;
use anonlink::matching::solve::Solver;
use anonlink::matching::threshold::Threshold;

/// Comparisons per batch, as the service plans them.
const BATCH: u64 = 50_000_000;

fn main() {
    // `cargo bench` passes --bench; `cargo test --benches`, which wants to see that it works, does not.
    let records = if std::env::args().any(|word| word == "--bench") { 1_000_000 } else { 1000 };
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let number = |place: usize, default: usize| match words.get(place) {
        Some(word) => word.parse().expect("a number"),
        None => default,
    };
    let (records, largest) = (number(0, records), number(1, 10_000));
    let threshold: f64 = words.get(2).map_or(0.8, |word| word.parse().expect("a threshold"));
    let dense = words.get(3).is_some_and(|word| word == "dense");
    let started = Instant::now();
    let (a, b, source) = data::with_sources(records, dense);
    eprintln!("data: {:.2} s", started.elapsed().as_secs_f64());

    let mut watch = Watch::start();
    println!(
        "{records} × {records} records, {} blocks each, threshold {threshold}",
        data::blocked::PER_RECORD
    );
    let blocks = data::blocked::blocks(records, largest, &source);
    watch.lap("index, with making the blocks");
    let common = common_blocks(&blocks[0], &blocks[1]);
    watch.lap("common blocks");
    let comparisons: u64 = common.iter().map(|block| block.comparisons).sum();
    let batches = BlockPlan::new(&blocks[0], &blocks[1], BATCH).batches().len();
    watch.lap("batches");
    let mut sizes: Vec<usize> =
        (0..blocks[0].len() as u32).map(|block| blocks[0].block(block).len()).collect();
    sizes.sort_unstable();
    println!(
        "{} blocks (records: median {}, mean {:.1}, most {}), {} in common, {comparisons} comparisons, {batches} batches",
        sizes.len(),
        sizes[sizes.len() / 2],
        blocks[0].rows().len() as f64 / sizes.len() as f64,
        sizes[sizes.len() - 1],
        common.len()
    );

    let rows = [records as u32; 2];
    let size = a.size();
    let spec =
        CompareSpec::new(size, Threshold::new(threshold).expect("in (0, 1]"), &rows).expect("two parties");
    assert!(spec.layout.fits_u64());
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = Kernel::detect();
    for threads in [1, all] {
        let progress = AtomicU64::new(0);
        let resources = Resources { kernel, threads, stop: &|| false, progress: &progress };
        let name = |what: &str| format!("{what}, {kernel}, threads: {threads}");
        let mut watch = Watch::start();
        let enter = |phase| match phase {
            Phase::Prepare => {}
            Phase::Compare => watch.lap(&name("plan")),
            Phase::Merge => watch.lap(&name("compare")),
        };
        let blocks = [&blocks[0], &blocks[1]];
        let found = stream_candidates::<u64>(&[&a, &b], Some(&blocks), &spec, resources, enter);
        let (sorted, stats) = found.expect("nobody stops it");
        watch.lap(&name("put together"));
        assert_eq!(stats.comparisons, comparisons);
        let mut solver = Solver::new(&rows).expect("two parties");
        let solved = sorted.each(threads, |keys| {
            keys.iter().try_for_each(|key| {
                let candidate = spec.layout.decode(&spec.ranks, *key).expect("a key of this layout");
                solver.push(&candidate)
            })
        });
        solved.expect("rows that exist");
        let groups = solver.finish().len();
        watch.lap(&name("sort and solve"));
        println!("{} candidates, {groups} groups", stats.candidates);
    }
}

/// Prints the seconds since the last step, and where Linux tells, those of processor time.
struct Watch {
    started: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu().unwrap_or(0.0) }
    }

    fn lap(&mut self, step: &str) {
        let cpu = cpu().map_or_else(String::new, |now| format!(" ({:7.2} s CPU)", now - self.cpu));
        println!("{:8.3} s{cpu}  {step}", self.started.elapsed().as_secs_f64());
        *self = Self::start();
    }
}

/// Processor time of this process so far: user and system, in ticks of 10 ms.
fn cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    Some(ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}
