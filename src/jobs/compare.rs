//! `compare`: searches the candidate pairs of one part of a comparison and writes them, sorted, as a candidate file.
//!
//! Memory for candidates: `CANDIDATE_MEMORY`, beyond which they are spilled (`candidates/gather`), and what is found between two
//! looks at that: a few MiB.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::candidates::{FileKey, Gathering, KeyWriter};
use super::data::blocking;
use super::facts::{Facts, PartyFacts, layout_bytes};
use super::slot::Slot;
use super::{JobContext, JobError};
use crate::db::ledger::{ClaimedTask, Outcome};
use crate::domain::task::{BLOCK_CUT, Part};
use crate::domain::{ComparisonId, ScoreHistogram};
use crate::matching::blocked::{Blocked, compare_blocks};
use crate::matching::key::PartyPair;
use crate::matching::score::{SCORE_BINS, ScoreBins};
use crate::matching::search::{Stats, compare_tiles};
use crate::matching::sink::Sink;
use crate::matching::tile::tile_ranges;
use crate::store::name;
use crate::telemetry::metrics;

/// A compare task's particulars.
pub(super) struct Comparing {
    pub comparison: ComparisonId,
    pub threshold: f64,
    pub number: u32,
    pub part: Part,
}

pub(super) async fn compare(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    work: Comparing,
    cancelled: &Arc<AtomicBool>,
    slot: &Slot,
) -> Result<Outcome, JobError> {
    let facts = context.facts(task.project, work.comparison, work.threshold).await?;
    let object = name::candidates(task.project, work.number, &task.lease.hex());
    context.announce(task, &object).await?;
    let (candidates, scores) = match facts.spec.layout.fits_u64() {
        true => search::<u64>(context, task, &facts, &work, &object, cancelled, slot).await?,
        false => search::<u128>(context, task, &facts, &work, &object, cancelled, slot).await?,
    };
    let (limit, limit_name) = context.settings.limit(facts.result_type);
    Ok(Outcome::Compared { object, candidates, scores, limit, limit_name })
}

async fn search<K: FileKey>(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    facts: &Arc<Facts>,
    work: &Comparing,
    object: &str,
    cancelled: &Arc<AtomicBool>,
    slot: &Slot,
) -> Result<(u64, ScoreHistogram), JobError> {
    let (layout, settings) = (facts.spec.layout, &context.settings);
    let gathering = Gathering::<K>::new(layout.bits(), settings.candidate_memory, settings.scratch.clone());
    let mut found = Found { gathering, limit: settings.limit(facts.result_type) };
    match work.part {
        Part::Rows { party0, party1, rows0, rows1 } => {
            let pair = PartyPair::new(party0, party1);
            let mut progress = Progress::new(context, task, work.comparison);
            let (size, comparison) = (facts.spec.size, work.comparison.0);
            let tile = |number, rows| async move {
                context.tile(comparison, party(facts, number)?, size, rows, &facts.order).await
            };
            for a_rows in tile_ranges(rows0.0..rows0.1) {
                for b_rows in tile_ranges(rows1.0..rows1.1) {
                    let comparisons = a_rows.len() as u64 * b_rows.len() as u64;
                    let (a, b) = tokio::try_join!(tile(party0, a_rows.clone()), tile(party1, b_rows))?;
                    let (facts, cancelled) = (facts.clone(), cancelled.clone());
                    found = blocking(move || {
                        let stop = || cancelled.load(Ordering::Relaxed);
                        count(compare_tiles(&a.0, &b.0, pair, &facts.spec, &mut found, &stop)?);
                        Ok(found)
                    })
                    .await?;
                    progress.add(comparisons);
                }
            }
        }
        Part::Blocks { cut, .. } if cut != BLOCK_CUT => {
            let message = "another version of the service planned this run: delete it and post it again";
            return Err(JobError::Refused(message.to_owned()));
        }
        Part::Blocks { party0, party1, target, batch, .. } => {
            let (a, b) = (party(facts, party0)?, party(facts, party1)?);
            let a_encodings = context.party_encodings(a, facts.spec.size).await?;
            let b_encodings = context.party_encodings(b, facts.spec.size).await?;
            let (a_blocks, b_blocks) = (context.party_blocks(a).await?, context.party_blocks(b).await?);
            let objects =
                (a.blocks_object.clone().unwrap_or_default(), b.blocks_object.clone().unwrap_or_default());
            let plan = context.block_plan((&a_blocks, &objects.0), (&b_blocks, &objects.1), target).await?;
            let (facts, cancelled, kernel) = (facts.clone(), cancelled.clone(), settings.kernel);
            found = blocking(move || {
                if batch as usize >= plan.batches().len() {
                    return Err(JobError::Permanent(format!("there is no batch {batch}")));
                }
                let stop = || cancelled.load(Ordering::Relaxed);
                let a = Blocked { encodings: &a_encodings.0, index: &a_blocks.0 };
                let b = Blocked { encodings: &b_encodings.0, index: &b_blocks.0 };
                let pair = PartyPair::new(party0, party1);
                let batch = (&*plan, batch as usize);
                count(compare_blocks(
                    kernel,
                    a,
                    b,
                    batch,
                    pair,
                    &facts.spec,
                    &facts.order,
                    &mut found,
                    &stop,
                )?);
                Ok(found)
            })
            .await?;
        }
    }
    slot.computed().await;
    let (store, handle, object) = (context.store.clone(), Handle::current(), object.to_owned());
    let (cancelled, bins) = (cancelled.clone(), ScoreBins::new(&facts.spec.ranks));
    let written = blocking(move || {
        let stop = || cancelled.load(Ordering::Relaxed);
        let mut writer = KeyWriter::new(&store, &handle, &object, &layout_bytes(&layout), &stop)?;
        let mut scores = [0; SCORE_BINS];
        found.gathering.each(|keys| {
            let here = bins.count(keys, &layout);
            scores.iter_mut().zip(here).for_each(|(scores, here)| *scores += here);
            writer.write(keys)
        })?;
        Ok((writer.finish()?, ScoreHistogram::from(scores)))
    });
    written.await
}

/// The candidates of a task as they are found.
struct Found<K> {
    gathering: Gathering<K>,
    /// How many there may be, and the setting that says so.
    limit: (u64, &'static str),
}

impl<K: FileKey> Sink<K> for Found<K> {
    type Error = JobError;

    fn buffer(&mut self) -> &mut Vec<K> {
        self.gathering.buffer()
    }

    /// Blocks.
    fn settle(&mut self) -> Result<(), JobError> {
        let (limit, name) = self.limit;
        if self.gathering.found() > limit {
            return Err(JobError::Refused(format!(
                "more than {limit} candidate pairs ({name}): a higher threshold or blocking gives fewer"
            )));
        }
        self.gathering.settle()
    }
}

/// Adds to what this process has compared; work that is done again counts again.
fn count(stats: Stats) {
    metrics().comparisons.inc_by(stats.comparisons);
    metrics().candidates.inc_by(stats.candidates);
}

/// Reports how far a task has come, now and then.
struct Progress<'a> {
    context: &'a JobContext,
    task: &'a ClaimedTask,
    comparison: ComparisonId,
    done: u64,
    reported: Instant,
}

/// Time between two reports.
const REPORT: Duration = Duration::from_millis(250);

impl<'a> Progress<'a> {
    fn new(context: &'a JobContext, task: &'a ClaimedTask, comparison: ComparisonId) -> Self {
        Self { context, task, comparison, done: 0, reported: Instant::now() }
    }

    /// Counts comparisons.
    fn add(&mut self, comparisons: u64) {
        self.done += comparisons;
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            self.context.cache.report_progress(self.task.project, self.comparison, self.task.id, self.done);
        }
    }
}

fn party(facts: &Facts, index: u16) -> Result<&PartyFacts, JobError> {
    facts
        .parties
        .get(usize::from(index))
        .ok_or_else(|| JobError::Permanent(format!("there is no party {index}")))
}
