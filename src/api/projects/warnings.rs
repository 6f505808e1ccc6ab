//! Warnings that follow from a project as a whole.

use crate::db::projects::{PartyRecord, ProjectRecord};
use crate::domain::{PartyState, PermutationPositions, ResultType};

/// What everybody with a token is told where a result gives away more than it need.
const LEAK: &str = "the parties' numbers of records differ, and permutation_positions is \"smaller\": the larger party learns of some of its \
                    records that they match nothing, and of more with each run; a project with \"larger\" doesn't tell";

/// Warns of permutations whose positions tell the larger party of some of its records that they match nothing.
pub(super) fn positions_leak(project: &ProjectRecord, parties: &[PartyRecord]) -> Option<&'static str> {
    let smaller = project.result_type == ResultType::Permutations
        && project.permutation_positions == PermutationPositions::Smaller;
    let ready = parties.iter().all(|party| party.state == PartyState::Ready);
    let differ = parties.windows(2).any(|pair| pair[0].count != pair[1].count);
    (smaller && ready && differ).then_some(LEAK)
}
