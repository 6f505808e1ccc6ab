//! `plan`: works out which comparisons a run takes, and cuts them into parts for the workers.
//!
//! Parts are sized by cost. Nothing but speed depends on the cut: candidates are sorted in a total order that knows no parts.

use std::sync::Arc;

use super::facts::{PartyFacts, comparison_key};
use super::{JobContext, JobError};
use crate::db::ledger::{Outcome, Plan};
use crate::domain::task::{BLOCK_CUT, Part, PlannedPart};
use crate::domain::{ProjectId, RunId};
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
    let aim = context.settings.chunk_size_aim.max(1);
    let parts = match run.uses_blocking {
        false => by_rows(&parties, aim),
        true => by_blocks(context, &parties, aim).await?,
    };
    Ok(Outcome::Planned(Plan { parts, key }))
}

/// Comparisons per part, for a comparison of so many in all.
fn target(total: u64, aim: u64) -> u64 {
    (total / PARTS).clamp(SMALL.min(aim), aim)
}

fn pairs(parties: &[PartyFacts]) -> impl Iterator<Item = (&PartyFacts, &PartyFacts)> {
    parties.iter().enumerate().flat_map(|(i, a)| parties[i + 1..].iter().map(move |b| (a, b)))
}

fn by_rows(parties: &[PartyFacts], aim: u64) -> Vec<PlannedPart> {
    let area = |a: &PartyFacts, b: &PartyFacts| u64::from(a.count) * u64::from(b.count);
    let total = pairs(parties).fold(0_u64, |sum, (a, b)| sum.saturating_add(area(a, b)));
    let target = target(total, aim);
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
    parts
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
    aim: u64,
) -> Result<Vec<PlannedPart>, JobError> {
    let mut indexes = Vec::with_capacity(parties.len());
    for party in parties {
        let object = party.blocks_object.clone().unwrap_or_default();
        indexes.push((context.party_blocks(party).await?, object));
    }
    // Small blocks cost more per comparison than long rows of pairs, so parts are smaller.
    let target = SMALL.min(aim);
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

    proptest! {
        /// Every pair of rows is in exactly one part, and parts stay near their target.
        #[test]
        fn parts_cover_all_pairs_once(counts in prop::collection::vec(0_u32..300, 2..5), aim in 1_u64..100_000) {
            let parties: Vec<_> = (0..).zip(&counts).map(|(index, count)| party(index, *count)).collect();
            let parts = by_rows(&parties, aim);
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
        let two = |a, b| by_rows(&[party(0, a), party(1, b)], 4_000_000_000);
        assert_eq!(two(1_000, 1_000).len(), 1);
        assert!((16..=36).contains(&two(100_000, 100_000).len()));
        assert!(two(1_000_000, 1_000_000).iter().all(|part| part.comparisons <= 4_100_000_000));
        assert!(two(10, 2_000_000_000).len() >= 16, "a long side is cut too");
        assert!(two(0, 10).is_empty());
    }
}
