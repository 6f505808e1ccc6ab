//! `plan`: works out which comparisons a run takes, and cuts them into parts for the workers.
//!
//! Parts are sized by cost. Nothing but speed depends on the cut: candidates are sorted in a total order that knows no parts.

use std::sync::Arc;

use super::data::blocking;
use super::facts::{PartyFacts, comparison_key};
use super::{JobContext, JobError};
use crate::db::ledger::{Outcome, Plan};
use crate::domain::task::{BLOCK_CUT, Part, PlannedPart};
use crate::domain::{ProjectId, RunId};
use crate::matching::blocks::common_blocks;
use crate::matching::key::PartyPair;
use crate::matching::tile::even_ranges;

/// Parts that a comparison is cut into at least, if it is large enough: work for many processors, and progress to look at.
const PARTS: u64 = 16;
/// Comparisons below which a part isn't worth its overhead.
const SMALL: u64 = 50_000_000;

pub(super) async fn plan(
    context: &Arc<JobContext>,
    project: ProjectId,
    run: RunId,
) -> Result<Outcome, JobError> {
    let run = context.db.run_for_work(run).await?.ok_or(JobError::Cancelled)?;
    let parties = context.parties(project).await?;
    let key = comparison_key(&parties);
    let settings = &context.settings;
    let bounds = Bounds {
        aim: settings.chunk_size_aim.max(1),
        comparisons: settings.max_comparisons,
        parts: settings.max_parts,
    };
    let parts = match run.uses_blocking {
        false => by_rows(&parties, &bounds)?,
        true => by_blocks(context, &parties, &bounds).await?,
    };
    Ok(Outcome::Planned(Plan { parts, key }))
}

/// How much a run may be, and into what it is cut.
struct Bounds {
    /// Comparisons per part, unless there would be too many parts.
    aim: u64,
    /// Comparisons at most.
    comparisons: u64,
    /// Parts at most, or little more.
    parts: u64,
}

impl Bounds {
    /// Comparisons per part, for a comparison of so many in all and parts of this size at least.
    ///
    /// # Errors
    /// There are too many comparisons.
    fn target(&self, total: u64, small: u64, large: u64) -> Result<u64, JobError> {
        if total > self.comparisons {
            return Err(JobError::Refused(format!(
                "the run takes {total} comparisons, which is more than {} (MAX_COMPARISONS): blocking or smaller data take fewer",
                self.comparisons
            )));
        }
        Ok((total / PARTS).clamp(small, large).max(total.div_ceil(self.parts)))
    }
}

fn pairs(parties: &[PartyFacts]) -> impl Iterator<Item = (&PartyFacts, &PartyFacts)> {
    parties.iter().enumerate().flat_map(|(i, a)| parties[i + 1..].iter().map(move |b| (a, b)))
}

fn by_rows(parties: &[PartyFacts], bounds: &Bounds) -> Result<Vec<PlannedPart>, JobError> {
    let area = |a: &PartyFacts, b: &PartyFacts| u64::from(a.count) * u64::from(b.count);
    let total = pairs(parties).fold(0_u64, |sum, (a, b)| sum.saturating_add(area(a, b)));
    let mut target = bounds.target(total, SMALL.min(bounds.aim), bounds.aim)?;
    let many = |target| {
        let of_pair = |(a, b): (&PartyFacts, &PartyFacts)| steps(a.count, b.count, target);
        pairs(parties).map(of_pair).map(|(steps0, steps1)| u64::from(steps0) * u64::from(steps1)).sum::<u64>()
    };
    // Sides are cut into whole steps, which makes some parts smaller than they might be. One part for each pair of parties is the least.
    while many(target) > bounds.parts && target < total {
        target += target / 8 + 1;
    }
    let mut parts = Vec::new();
    for (a, b) in pairs(parties) {
        let (steps0, steps1) = steps(a.count, b.count, target);
        for rows0 in even_ranges(0..a.count, steps0) {
            for rows1 in even_ranges(0..b.count, steps1) {
                let comparisons = rows0.len() as u64 * rows1.len() as u64;
                let (rows0, rows1) = ((rows0.start, rows0.end), (rows1.start, rows1.end));
                let part = Part::Rows { party0: a.index, party1: b.index, rows0, rows1 };
                parts.push(PlannedPart { part, comparisons });
            }
        }
    }
    Ok(parts)
}

/// Into how many ranges each side is cut so that a pair of ranges has at most about `target` pairs, as square as may be:
/// loading costs rows, comparing costs pairs.
fn steps(rows0: u32, rows1: u32, target: u64) -> (u32, u32) {
    let side = target.isqrt().max(1);
    let width0 = u64::from(rows0).min(side.max(target / u64::from(rows1).max(1))).max(1);
    let width1 = (target / width0).max(1);
    let count = |rows: u32, width: u64| u64::from(rows).div_ceil(width) as u32;
    (count(rows0, width0), count(rows1, width1))
}

async fn by_blocks(
    context: &JobContext,
    parties: &[PartyFacts],
    bounds: &Bounds,
) -> Result<Vec<PlannedPart>, JobError> {
    let mut indexes = Vec::with_capacity(parties.len());
    for party in parties {
        let object = party.blocks_object.clone().unwrap_or_default();
        indexes.push((context.party_blocks(party).await?, object));
    }
    let blocks: Vec<_> = indexes.iter().map(|(blocks, _)| blocks.clone()).collect();
    let total = blocking(move || {
        let all = PartyPair::all(blocks.len()).map(|PartyPair { party0, party1 }| {
            let (a, b) = (&blocks[usize::from(party0)], &blocks[usize::from(party1)]);
            common_blocks(&a.0, &b.0).iter().fold(0_u64, |sum, block| sum.saturating_add(block.comparisons))
        });
        Ok(all.fold(0_u64, u64::saturating_add))
    })
    .await?;
    // Small blocks cost more per comparison than long rows of pairs, so parts are smaller.
    let small = SMALL.min(bounds.aim);
    let target = bounds.target(total, small, small)?;
    let mut parts = Vec::new();
    for (a, b) in pairs(parties) {
        let ((a_blocks, a_object), (b_blocks, b_object)) =
            (&indexes[usize::from(a.index)], &indexes[usize::from(b.index)]);
        let plan = context.block_plan((a_blocks, a_object), (b_blocks, b_object), target).await?;
        let largest = a_blocks.0.largest().max(b_blocks.0.largest());
        tracing::info!(
            party0 = a.index,
            party1 = b.index,
            tasks = plan.batches().len(),
            cut_blocks = plan.cut_blocks(),
            largest_block = largest,
            "blocks planned"
        );
        for (batch, slices) in (0..).zip(plan.batches()) {
            let comparisons = slices.iter().map(|slice| slice.comparisons()).sum();
            let part = Part::Blocks { party0: a.index, party1: b.index, target, batch, cut: BLOCK_CUT };
            parts.push(PlannedPart { part, comparisons });
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn party(index: u16, count: u32) -> PartyFacts {
        PartyFacts { index, count, encodings_object: String::new(), blocks_object: None, digest: [0; 32] }
    }

    /// Bounds that nothing reaches.
    fn aimed(aim: u64) -> Bounds {
        Bounds { aim, comparisons: u64::MAX, parts: u64::from(u32::MAX) }
    }

    #[test]
    fn parts_grow_before_there_are_too_many_and_what_is_too_much_is_refused() {
        for parts in [1, 2, 3, 7, 100, 20_000] {
            let bounds = Bounds { aim: 10, comparisons: 10_000_000_000, parts };
            for (a, b) in [(100_000, 100_000), (3, 1_000_000), (1, 1), (12_345, 54_321)] {
                let planned = by_rows(&[party(0, a), party(1, b)], &bounds).unwrap();
                assert!(planned.len() as u64 <= parts, "{a} x {b}: {} parts of {parts}", planned.len());
                let all: u64 = planned.iter().map(|part| part.comparisons).sum();
                assert_eq!(all, u64::from(a) * u64::from(b));
            }
        }
        let bounds = Bounds { aim: 10, comparisons: 999, parts: 5 };
        let refused = by_rows(&[party(0, 100), party(1, 10)], &bounds).unwrap_err();
        assert!(
            matches!(&refused, JobError::Refused(text) if text.contains("1000 comparisons") && text.contains("999"))
        );
        assert_eq!(by_rows(&[party(0, 111), party(1, 9)], &bounds).unwrap().len(), 5);
        // Three parties have three pairs, and so three parts at least.
        let bounds = Bounds { parts: 1, ..aimed(10) };
        assert_eq!(by_rows(&[party(0, 9), party(1, 9), party(2, 9)], &bounds).unwrap().len(), 3);
    }

    proptest! {
        /// Every pair of rows is in exactly one part, and parts stay near their target.
        #[test]
        fn parts_cover_all_pairs_once(counts in prop::collection::vec(0_u32..300, 2..5), aim in 1_u64..100_000) {
            let parties: Vec<_> = (0..).zip(&counts).map(|(index, count)| party(index, *count)).collect();
            let parts = by_rows(&parties, &aimed(aim)).unwrap();
            let mut seen = std::collections::HashSet::new();
            for PlannedPart { part, comparisons } in &parts {
                let Part::Rows { party0, party1, rows0, rows1 } = *part else { panic!("{part:?}") };
                prop_assert!(*comparisons <= 4 * aim.max(1), "{} is far over {}", comparisons, aim);
                for i in rows0.0..rows0.1 {
                    for j in rows1.0..rows1.1 {
                        prop_assert!(seen.insert((party0, party1, i, j)));
                    }
                }
            }
            let all: u64 = pairs(&parties).map(|(a, b)| u64::from(a.count) * u64::from(b.count)).sum();
            prop_assert_eq!(seen.len() as u64, all);
            prop_assert_eq!(parts.iter().map(|part| part.comparisons).sum::<u64>(), all);
        }
    }

    #[test]
    fn large_comparisons_have_work_for_many_and_small_ones_are_whole() {
        let two = |a, b| by_rows(&[party(0, a), party(1, b)], &aimed(4_000_000_000)).unwrap();
        assert_eq!(two(1_000, 1_000).len(), 1);
        assert!((16..=36).contains(&two(100_000, 100_000).len()));
        assert!(two(1_000_000, 1_000_000).iter().all(|part| part.comparisons <= 4_100_000_000));
        assert!(two(10, 2_000_000_000).len() >= 16, "a long side is cut too");
        assert!(two(0, 10).is_empty());
    }
}
