//! Candidates of all parties, and walks over them.

use std::sync::atomic::AtomicU64;

use anyhow::Result;

use super::progress::{Unit, show};
use super::stats::{Seconds, Stopwatch};
use super::stop::Stop;
use crate::matching::blocks::BlockIndex;
use crate::matching::driver::{Phase, Resources, find_candidates_by_phase, total_comparisons};
use crate::matching::encoding::Encodings;
use crate::matching::kernel::Kernel;
use crate::matching::key::{Candidate, Key, PartyPair};
use crate::matching::search::{CompareSpec, Stats};
use crate::matching::solve::{Groups, Solver};

/// Candidates between two looks at whether to stop.
const LOOK: usize = 1 << 16;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    pub kernel: Kernel,
    pub threads: usize,
    pub stop: &'a Stop,
    /// Whether to show a progress bar.
    pub visible: bool,
}

/// All candidates, sorted.
#[derive(Debug)]
pub struct Candidates<'a, K> {
    keys: Vec<K>,
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
            || find_candidates_by_phase::<K>(&parties, blocks, spec, resources, enter),
        );
        stop.check()?;
        let (keys, stats) = found?;
        seconds.merge += watch.lap();
        Ok(Self { keys, spec, rows, stop, stats })
    }

    /// Hands on every candidate in the total order.
    ///
    /// # Errors
    /// A signal came, or `take` failed.
    pub fn each(&self, mut take: impl FnMut(Candidate) -> Result<()>) -> Result<()> {
        for keys in self.keys.chunks(LOOK) {
            self.stop.check()?;
            for &key in keys {
                let candidate = self.spec.layout.decode(&self.spec.ranks, key);
                take(candidate.expect("the search packs what its own layout unpacks"))?;
            }
        }
        Ok(())
    }

    /// Groups the records.
    ///
    /// # Errors
    /// A signal came, or there are too many records.
    pub fn solve(&self) -> Result<Groups> {
        // The order implies the score, so that only the rest of a key is needed.
        let layout = &self.spec.layout;
        let pairs: Vec<PartyPair> = PartyPair::all(layout.parties.into()).collect();
        let mut solver = Solver::new(self.rows)?;
        for keys in self.keys.chunks(LOOK) {
            self.stop.check()?;
            for key in keys {
                let (_, pair, row0, row1) = key.unpack(layout);
                let PartyPair { party0, party1 } = pairs[pair as usize];
                solver.push_pair(party0, row0, party1, row1)?;
            }
        }
        Ok(solver.finish())
    }
}
