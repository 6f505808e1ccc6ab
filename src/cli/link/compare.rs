//! Candidates of all parties, and walks over them.

use std::sync::atomic::AtomicU64;

use anyhow::Result;

use super::progress::{Unit, show};
use super::stats::{Seconds, Stopwatch};
use super::stop::Stop;
use crate::matching::blocks::BlockIndex;
use crate::matching::driver::{Phase, Resources, stream_candidates, total_comparisons};
use crate::matching::encoding::Encodings;
use crate::matching::kernel::Kernel;
use crate::matching::key::{Candidate, Key};
use crate::matching::search::{CompareSpec, Stats};
use crate::matching::solve::{Groups, Solver};
use crate::matching::sort::Sorted;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    pub kernel: Kernel,
    pub threads: usize,
    pub stop: &'a Stop,
    /// Whether to show a progress bar.
    pub visible: bool,
}

/// All candidates, sorted as they are taken.
#[derive(Debug)]
pub struct Candidates<'a, K> {
    keys: Sorted<K>,
    threads: usize,
    spec: &'a CompareSpec,
    rows: &'a [u32],
    stop: &'a Stop,
    pub stats: Stats,
}

impl<'a, K: Key> Candidates<'a, K> {
    /// Compares, and writes into `seconds` how long the parts took.
    ///
    /// # Errors
    /// A signal came.
    pub fn find(
        parties: &[Encodings],
        blocks: Option<&[BlockIndex]>,
        (spec, rows): (&'a CompareSpec, &'a [u32]),
        means: Means<'a>,
        (watch, seconds): (&mut Stopwatch, &mut Seconds),
    ) -> Result<Self> {
        let Means { kernel, threads, stop, visible } = means;
        let parties: Vec<&Encodings> = parties.iter().collect();
        let blocks: Option<Vec<&BlockIndex>> = blocks.map(|blocks| blocks.iter().collect());
        let blocks = blocks.as_deref();
        let progress = AtomicU64::new(0);
        let requested = || stop.requested();
        let resources = Resources { kernel, threads, stop: &requested, progress: &progress };
        let enter = |phase| match phase {
            Phase::Prepare => {}
            Phase::Compare => seconds.prepare += watch.lap(),
            Phase::Merge => seconds.compare += watch.lap(),
        };
        let found = show(
            visible,
            "comparing",
            Unit::Comparisons,
            &progress,
            || total_comparisons(&parties, blocks),
            || stream_candidates::<K>(&parties, blocks, spec, resources, enter),
        );
        stop.check()?;
        let (keys, stats) = found?;
        seconds.merge += watch.lap();
        Ok(Self { keys, threads, spec, rows, stop, stats })
    }

    /// Hands on every candidate in the total order.
    ///
    /// # Errors
    /// A signal came, or `take` failed.
    pub fn each(self, mut take: impl FnMut(Candidate) -> Result<()>) -> Result<()> {
        let Self { keys, threads, spec, stop, .. } = self;
        keys.each(threads, |keys| {
            stop.check()?;
            for &key in keys {
                let candidate = spec.layout.decode(&spec.ranks, key);
                take(candidate.expect("the search packs what its own layout unpacks"))?;
            }
            Ok(())
        })
    }

    /// Groups the records.
    ///
    /// # Errors
    /// A signal came, or there are too many records.
    pub fn solve(self) -> Result<Groups> {
        let Self { keys, threads, spec, rows, stop, .. } = self;
        let mut solver = Solver::new(rows)?;
        keys.each(threads, |keys| {
            stop.check()?;
            solver.push_keys(&spec.layout, keys)?;
            anyhow::Ok(())
        })?;
        Ok(solver.finish())
    }
}
