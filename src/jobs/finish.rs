//! `finish`: merges the candidate files of a comparison as streams and turns them into the run's result in one pass.
//!
//! Memory: one window per merged file, and the solver's, which grows with the records (and, for three or more parties, the edges
//! between groups that may still merge), never with the candidates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use tokio::runtime::Handle;

use super::candidates::{FileKey, merged, write_keys};
use super::data::blocking;
use super::facts::{Facts, layout_bytes};
use super::{JobContext, JobError};
use crate::codec::results::{GroupsText, TextFormat, mask_json, permutation_json};
use crate::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
use crate::db::ledger::{ClaimedTask, Outcome, RunForWork};
use crate::db::runs::RunResult;
use crate::domain::{ComparisonId, ResultType, RunId};
use crate::matching::key::Candidate;
use crate::matching::permutation::permute;
use crate::matching::solve::{Groups, Solver};
use crate::store::{Store, Writer, name};

/// Files that are merged at once; more are merged into fewer first.
const FAN_IN: usize = 128;
/// Bytes of text collected before they go to the store.
const PIECE: usize = 256 << 10;
/// Candidates between two looks at whether the task was cancelled.
const LOOK: u64 = 1 << 16;

/// Everything that the blocking part needs.
struct Finishing {
    store: Store,
    handle: Handle,
    facts: Arc<Facts>,
    run: RunForWork,
    files: Vec<String>,
    permutation_seed: [u8; 32],
    outputs: Outputs,
    cancelled: Arc<AtomicBool>,
}

/// Names of the objects to write; all are registered.
struct Outputs {
    result: String,
    permutations: [String; 2],
    premerged: Vec<String>,
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
    let lease = task.lease.hex();
    let object = |which: &str| name::result(task.project, which, &lease);
    let outputs = Outputs {
        result: object(particulars.result_type.name()),
        permutations: [object("permutation-0"), object("permutation-1")],
        premerged: premerge_names(files.objects.len()).map(|i| object(&format!("merge-{i}"))).collect(),
    };
    let mut names = vec![&outputs.result];
    if particulars.result_type == ResultType::Permutations {
        names.extend(&outputs.permutations);
    }
    for object in names.into_iter().chain(&outputs.premerged) {
        context.db.register_object(object, task.project, task.lease, context.settings.lease).await?;
    }
    let finishing = Finishing {
        store: context.store.clone(),
        handle: Handle::current(),
        permutation_seed: unseal(&context.settings.permutation_key, &particulars.seed),
        run: particulars,
        files: files.objects,
        facts,
        outputs,
        cancelled: cancelled.clone(),
    };
    blocking(move || match finishing.facts.spec.layout.fits_u64() {
        true => finishing.result::<u64>(),
        false => finishing.result::<u128>(),
    })
    .await
    .map(Outcome::Finished)
}

/// Numbers of the files that merging so many files in groups makes on the way.
fn premerge_names(files: usize) -> std::ops::Range<usize> {
    let (mut left, mut made) = (files, 0);
    while left > FAN_IN {
        left = left.div_ceil(FAN_IN);
        made += left;
    }
    0..made
}

/// The seed of a run's permutations: the stored one, keyed with a secret that the metadata store doesn't hold (BLAKE2b-256, RFC
/// 7693).
fn unseal(key: &[u8; 32], stored: &[u8; 32]) -> [u8; 32] {
    let mut mac =
        <Blake2bMac<U32> as KeyInit>::new_from_slice(key).expect("BLAKE2b takes keys of up to 64 bytes");
    mac.update(stored);
    mac.finalize_fixed().into()
}

impl Finishing {
    fn stop(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn result<K: FileKey>(&self) -> Result<RunResult, JobError> {
        let files = self.premerge::<K>()?;
        match self.run.result_type {
            ResultType::SimilarityScores => self.similarity::<K>(&files),
            ResultType::Groups => self.groups(&self.solve::<K>(&files)?),
            ResultType::Permutations => self.permutations(&self.solve::<K>(&files)?),
        }
    }

    /// Merges groups of files until no more than [`FAN_IN`] are left.
    fn premerge<K: FileKey>(&self) -> Result<Vec<String>, JobError> {
        let layout = layout_bytes(&self.facts.spec.layout);
        let mut files = self.files.clone();
        let mut names = self.outputs.premerged.iter();
        while files.len() > FAN_IN {
            let mut fewer = Vec::new();
            for (group, name) in files.chunks(FAN_IN).zip(names.by_ref()) {
                let keys = merged::<K>(&self.store, &self.handle, group, &layout)?;
                write_keys(&self.store, &self.handle, name, &layout, keys, &|| self.stop())?;
                fewer.push(name.clone());
            }
            files = fewer;
        }
        Ok(files)
    }

    /// Hands every candidate at or above the run's threshold on, in the total order.
    fn each<K: FileKey>(
        &self,
        files: &[String],
        mut take: impl FnMut(Candidate) -> Result<(), JobError>,
    ) -> Result<u64, JobError> {
        let spec = &self.facts.spec;
        let mut count = 0;
        for key in merged::<K>(&self.store, &self.handle, files, &layout_bytes(&spec.layout))? {
            let candidate = spec.layout.decode(&spec.ranks, key?);
            let candidate = candidate
                .ok_or_else(|| JobError::Permanent("a candidate file holds no candidates".into()))?;
            if candidate.score < self.run.threshold {
                break;
            }
            take(candidate)?;
            count += 1;
            if count % LOOK == 0 && self.stop() {
                return Err(JobError::Cancelled);
            }
        }
        Ok(count)
    }

    fn solve<K: FileKey>(&self, files: &[String]) -> Result<Groups, JobError> {
        let rows: Vec<u32> = self.facts.parties.iter().map(|party| party.count).collect();
        let permanent = |error: crate::matching::solve::SolveError| JobError::Permanent(error.to_string());
        let mut solver = Solver::new(&rows).map_err(permanent)?;
        let candidates = self.each::<K>(files, |candidate| solver.push(&candidate).map_err(permanent))?;
        tracing::debug!(candidates, peak_edges = solver.peak_edges(), "solved");
        Ok(solver.finish())
    }

    fn groups(&self, groups: &Groups) -> Result<RunResult, JobError> {
        let mut output = Output::new(self, &self.outputs.result);
        let mut text = GroupsText::new(TextFormat::Json, &mut output.buffer);
        for group in groups.iter() {
            text.group(group.iter().map(|(party, row)| (u32::from(*party), *row)), &mut output.buffer);
            output.flush_if_large()?;
        }
        let groups = text.finish(&mut output.buffer);
        output.finish()?;
        Ok(RunResult::Groups { object: self.outputs.result.clone(), groups })
    }

    fn similarity<K: FileKey>(&self, files: &[String]) -> Result<RunResult, JobError> {
        let mut output = Output::new(self, &self.outputs.result);
        output.buffer.extend_from_slice(&SIMILARITY_HEADER);
        let candidates = self.each::<K>(files, |candidate| {
            let pair = SimilarityPair {
                score: candidate.score,
                party0: u32::from(candidate.party0),
                party1: u32::from(candidate.party1),
                row0: candidate.row0,
                row1: candidate.row1,
            };
            write_pairs(&[pair], &mut output.buffer);
            output.flush_if_large()
        })?;
        output.finish()?;
        Ok(RunResult::SimilarityScores { object: self.outputs.result.clone(), candidates })
    }

    fn permutations(&self, groups: &Groups) -> Result<RunResult, JobError> {
        let [a, b] = self.facts.parties.as_slice() else {
            return Err(JobError::Permanent("permutations are for two parties".into()));
        };
        let pairs = groups.pairs();
        let permuted = permute(self.permutation_seed, a.count, b.count, &pairs)
            .map_err(|error| JobError::Permanent(error.to_string()))?;
        let mut output = Output::new(self, &self.outputs.result);
        mask_json(permuted.mask.iter().by_vals(), |piece| output.push(&piece))?;
        output.finish()?;
        for (permutation, object) in permuted.permutation.iter().zip(&self.outputs.permutations) {
            let mut output = Output::new(self, object);
            permutation_json(permutation.iter().copied(), a.count.min(b.count), |piece| output.push(&piece))?;
            output.finish()?;
        }
        Ok(RunResult::Permutations {
            mask: self.outputs.result.clone(),
            permutations: self.outputs.permutations.clone(),
            matches: pairs.len() as u64,
        })
    }
}

/// An object being written from a thread that may block.
struct Output<'a> {
    finishing: &'a Finishing,
    writer: Writer,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(finishing: &'a Finishing, object: &str) -> Self {
        Self { finishing, writer: finishing.store.writer(object), buffer: Vec::with_capacity(2 * PIECE) }
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
    fn premerging_names_every_file_it_makes() {
        assert_eq!(premerge_names(0).len(), 0);
        assert_eq!(premerge_names(FAN_IN).len(), 0);
        assert_eq!(premerge_names(FAN_IN + 1).len(), 2);
        assert_eq!(premerge_names(FAN_IN * FAN_IN).len(), FAN_IN);
        assert_eq!(premerge_names(FAN_IN * FAN_IN + 1).len(), FAN_IN + 1 + 2);
    }

    #[test]
    fn the_stored_seed_alone_tells_nothing() {
        let seed = unseal(&[1; 32], &[9; 32]);
        assert_eq!(seed, unseal(&[1; 32], &[9; 32]));
        assert_ne!(seed, [9; 32]);
        assert_ne!(seed, unseal(&[2; 32], &[9; 32]));
    }
}
