//! `finish`: merges the candidate files of a comparison as streams and turns them into the run's result in one pass.
//!
//! Memory: two windows per merged run of files (64 MiB at most), a few batches, and the solver's, which grows with the records,
//! never with the candidates. For three parties or more it also keeps the candidates between groups that may still merge, as
//! edges: `SOLVER_MEMORY` of them, and the rest in temporary files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use super::candidates::{FAN_IN, FileKey, KeyFile, KeyWriter, Merging, runs};
use super::data::blocking;
use super::facts::{Facts, layout_bytes};
use super::{JobContext, JobError};
use crate::codec::results::{GroupsText, TextFormat, mask_json, permutation_json};
use crate::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
use crate::db::ledger::{ClaimedTask, Outcome, RunForWork};
use crate::db::runs::{GroupSize, RunResult};
use crate::domain::{ComparisonId, ResultType, RunId};
use crate::matching::permutation::{Positions, permute};
use crate::matching::solve::{Groups, SolveError, Solver};
use crate::store::{Writer, name};

/// Bytes of text collected before they go to the store.
const PIECE: usize = 256 << 10;

/// Everything that the blocking part needs.
struct Finishing {
    context: Arc<JobContext>,
    task: ClaimedTask,
    merging: Merging,
    handle: Handle,
    facts: Arc<Facts>,
    run: RunForWork,
    files: Vec<KeyFile>,
    cancelled: Arc<AtomicBool>,
}

pub(super) async fn finish(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    run: RunId,
    comparison: ComparisonId,
    cancelled: &Arc<AtomicBool>,
) -> Result<Outcome, JobError> {
    let particulars = context.db.run_for_work(run).await?.ok_or(JobError::Cancelled)?;
    let files = context.db.candidate_files(comparison).await?.ok_or(JobError::Cancelled)?;
    let facts = context.facts(task.project, comparison, files.threshold).await?;
    let handle = Handle::current();
    let finishing = Finishing {
        merging: Merging::new(context.store.clone(), handle.clone(), &layout_bytes(&facts.spec.layout)),
        context: context.clone(),
        task: task.clone(),
        handle,
        run: particulars,
        files: files.objects.into_iter().map(|(object, keys)| KeyFile { object, keys }).collect(),
        facts,
        cancelled: cancelled.clone(),
    };
    blocking(move || match finishing.facts.spec.layout.fits_u64() {
        true => finishing.result::<u64>(),
        false => finishing.result::<u128>(),
    })
    .await
    .map(Outcome::Finished)
}

/// The seed of a run's permutations: the stored one, keyed with a secret that the metadata store doesn't hold (BLAKE2b-256, RFC
/// 7693).
fn unseal(key: &[u8; 32], stored: &[u8; 32]) -> [u8; 32] {
    let hash = blake2b_simd::Params::new().hash_length(32).key(key).hash(stored);
    hash.as_bytes().try_into().expect("32 bytes were asked for")
}

impl Finishing {
    fn stop(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The name of an object of this task, announced to the metadata store.
    fn announce(&self, which: &str) -> Result<String, JobError> {
        let (context, task) = (&self.context, &self.task);
        let object = name::result(task.project, which, &task.lease.hex());
        self.handle.block_on(context.announce(task, &object))?;
        Ok(object)
    }

    fn result<K: FileKey>(&self) -> Result<RunResult, JobError> {
        let files = self.premerge::<K>()?;
        match self.run.result_type {
            ResultType::SimilarityScores => self.similarity::<K>(&files),
            ResultType::Groups => self.groups(&self.solve::<K>(&files)?),
            ResultType::Permutations => self.permutations(&self.solve::<K>(&files)?),
        }
    }

    /// Merges groups of files until no more than [`FAN_IN`] runs are left.
    fn premerge<K: FileKey>(&self) -> Result<Vec<KeyFile>, JobError> {
        let layout = layout_bytes(&self.facts.spec.layout);
        let (mut files, mut made) = (self.files.clone(), 0);
        loop {
            let runs = runs::<K>(&files);
            if runs.len() <= FAN_IN {
                return Ok(files);
            }
            let mut fewer = Vec::new();
            for group in runs.chunks(FAN_IN) {
                let object = self.announce(&format!("merge-{made}"))?;
                made += 1;
                let stop = || self.stop();
                let mut writer = KeyWriter::new(&self.context.store, &self.handle, &object, &layout, &stop)?;
                let members = group.first().map_or(0, |run| run.start)..group.last().map_or(0, |run| run.end);
                self.merging.each::<K>(&files[members], |keys| writer.write(keys).map(|()| true))?;
                fewer.push(KeyFile { keys: writer.finish()?, object });
            }
            files = fewer;
        }
    }

    /// Hands the keys of every candidate at or above the run's threshold on, in the total order.
    fn each<K: FileKey>(
        &self,
        files: &[KeyFile],
        mut take: impl FnMut(&[K]) -> Result<(), JobError>,
    ) -> Result<u64, JobError> {
        let spec = &self.facts.spec;
        let reaching = spec.ranks.reaching(self.run.threshold);
        let mut count = 0;
        self.merging.each::<K>(files, |keys| {
            if self.stop() {
                return Err(JobError::Cancelled);
            }
            let enough = keys.partition_point(|key| key.unpack(&spec.layout).0 < reaching);
            take(&keys[..enough])?;
            count += enough as u64;
            Ok(enough == keys.len())
        })?;
        Ok(count)
    }

    fn solve<K: FileKey>(&self, files: &[KeyFile]) -> Result<Groups, JobError> {
        let rows: Vec<u32> = self.facts.parties.iter().map(|party| party.count).collect();
        let failed = |error: SolveError| match error {
            SolveError::Spill(_) => JobError::Transient(error.to_string()),
            SolveError::Records(_) => JobError::Refused(error.to_string()),
            error => JobError::Permanent(error.to_string()),
        };
        let settings = &self.context.settings;
        let scratch = settings.scratch.clone();
        let new_file = move || tempfile::tempfile_in(&scratch);
        let mut solver = Solver::spilling(&rows, settings.solver_memory, new_file).map_err(failed)?;
        let layout = &self.facts.spec.layout;
        let candidates = self.each::<K>(files, |keys| solver.push_keys(layout, keys).map_err(failed))?;
        tracing::debug!(candidates, peak_edges = solver.peak_edges(), "solved");
        Ok(solver.finish())
    }

    fn groups(&self, groups: &Groups) -> Result<RunResult, JobError> {
        let object = self.announce(ResultType::Groups.name())?;
        let mut output = Output::new(self, &object);
        let mut text = GroupsText::new(TextFormat::Json, &mut output.buffer);
        let mut sizes = BTreeMap::new();
        for group in groups.iter() {
            *sizes.entry(group.len() as u64).or_insert(0) += 1;
            text.group(group.iter().map(|(party, row)| (u32::from(*party), *row)), &mut output.buffer);
            output.flush_if_large()?;
        }
        let groups = text.finish(&mut output.buffer);
        output.finish()?;
        let sizes = sizes.into_iter().map(|(size, groups)| GroupSize { size, groups }).collect();
        Ok(RunResult::Groups { object, groups, sizes: Some(sizes) })
    }

    fn similarity<K: FileKey>(&self, files: &[KeyFile]) -> Result<RunResult, JobError> {
        let object = self.announce(ResultType::SimilarityScores.name())?;
        let spec = &self.facts.spec;
        let mut output = Output::new(self, &object);
        output.buffer.extend_from_slice(&SIMILARITY_HEADER);
        let candidates = self.each::<K>(files, |keys| {
            for key in keys {
                let candidate = spec.layout.decode(&spec.ranks, *key).ok_or_else(no_candidate)?;
                let pair = SimilarityPair {
                    score: candidate.score,
                    party0: u32::from(candidate.party0),
                    party1: u32::from(candidate.party1),
                    row0: candidate.row0,
                    row1: candidate.row1,
                };
                write_pairs(&[pair], &mut output.buffer);
            }
            output.flush_if_large()
        })?;
        output.finish()?;
        Ok(RunResult::SimilarityScores { object, candidates })
    }

    fn permutations(&self, groups: &Groups) -> Result<RunResult, JobError> {
        let [a, b] = self.facts.parties.as_slice() else {
            return Err(JobError::Permanent("permutations are for two parties".into()));
        };
        let mask = self.announce(ResultType::Permutations.name())?;
        let permutations = [self.announce("permutation-0")?, self.announce("permutation-1")?];
        let pairs = groups.pairs();
        let seed = unseal(&self.context.settings.permutation_key, &self.run.seed);
        let (rows, positions) = ([a.count, b.count], Positions::from(self.run.permutation_positions));
        let permuted =
            permute(seed, rows, &pairs, positions).map_err(|error| JobError::Permanent(error.to_string()))?;
        let mut output = Output::new(self, &mask);
        mask_json(permuted.mask.iter().by_vals(), |piece| output.push(&piece))?;
        output.finish()?;
        for (permutation, object) in permuted.permutation.iter().zip(&permutations) {
            let mut output = Output::new(self, object);
            permutation_json(permutation.iter().copied(), positions.length(rows), |piece| {
                output.push(&piece)
            })?;
            output.finish()?;
        }
        Ok(RunResult::Permutations { mask, permutations, matches: pairs.len() as u64 })
    }
}

/// What a key that belongs to no candidate means: never so in files whose digests are right.
fn no_candidate() -> JobError {
    JobError::Permanent("a candidate file holds no candidates".into())
}

/// An object being written from a thread that may block.
struct Output<'a> {
    finishing: &'a Finishing,
    writer: Writer,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(finishing: &'a Finishing, object: &str) -> Self {
        Self {
            finishing,
            writer: finishing.context.store.writer(object),
            buffer: Vec::with_capacity(2 * PIECE),
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), JobError> {
        self.buffer.extend_from_slice(piece);
        self.flush_if_large()
    }

    fn flush_if_large(&mut self) -> Result<(), JobError> {
        if self.buffer.len() < PIECE {
            return Ok(());
        }
        if self.finishing.stop() {
            return Err(JobError::Cancelled);
        }
        self.finishing.handle.block_on(self.writer.write(&self.buffer))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(self) -> Result<(), JobError> {
        let Self { finishing, mut writer, buffer } = self;
        finishing.handle.block_on(async {
            writer.write(&buffer).await?;
            writer.finish().await
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_seed_alone_tells_nothing() {
        let seed = unseal(&[1; 32], &[9; 32]);
        assert_eq!(seed, unseal(&[1; 32], &[9; 32]));
        assert_ne!(seed, [9; 32]);
        assert_ne!(seed, unseal(&[2; 32], &[9; 32]));
    }
}
