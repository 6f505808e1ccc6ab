//! Runs as the API sees them.

use async_trait::async_trait;

use super::{DbResult, ListPage};
use crate::domain::{ComparisonId, ProjectId, ResultType, RunId, RunState, ScoreHistogram, Stage, Timestamp};
use crate::matching::threshold::Threshold;
use serde::{Deserialize, Serialize};

/// A request for a run.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its identifier.
    pub id: RunId,
    /// Least Dice coefficient of a candidate pair.
    pub threshold: Threshold,
    /// A name for people.
    pub name: String,
    /// Notes for people.
    pub notes: String,
    /// Seed of the permutations, drawn once per run.
    pub seed: [u8; 32],
    /// How many runs a project may have.
    pub limits: RunLimits,
}

/// How many runs a project may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// In all.
    pub all: u32,
    /// That have not ended.
    pub at_work: u32,
}

impl RunLimits {
    /// What stands in the way of one more, in a project that has so many.
    pub fn refuse(&self, all: u64, at_work: u64) -> Option<CreateRun> {
        match () {
            () if all >= u64::from(self.all) => Some(CreateRun::TooMany { limit: self.all }),
            () if at_work >= u64::from(self.at_work) => {
                Some(CreateRun::TooManyAtWork { limit: self.at_work })
            }
            () => None,
        }
    }
}

/// Answer to a request for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateRun {
    /// Stored; it starts when (or since) all data are there.
    Created {
        /// Whether it was queued at once.
        queued: bool,
    },
    /// The project is in error; the reason.
    ProjectInError(String),
    /// The project has as many runs as it may have.
    TooMany {
        /// That many.
        limit: u32,
    },
    /// As many runs of the project as may be at work have not ended.
    TooManyAtWork {
        /// That many.
        limit: u32,
    },
    /// The project has been deleted meanwhile.
    Gone,
}

/// Where a completed run's result lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunResult {
    /// The result document as JSON.
    Groups {
        /// Object with the document.
        object: String,
        /// How many groups it holds.
        groups: u64,
        /// How many of them have each size, smallest first; not known of results of an older version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sizes: Option<Vec<GroupSize>>,
    },
    /// The binary similarity file.
    SimilarityScores {
        /// Object with the file.
        object: String,
        /// How many candidate pairs it holds.
        candidates: u64,
    },
    /// Three JSON documents: the mask, and each party's permutation.
    Permutations {
        /// Object with the mask.
        mask: String,
        /// Objects with the permutations, in party order.
        permutations: [String; 2],
        /// How many pairs match.
        matches: u64,
    },
}

/// How many groups have a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSize {
    /// Records in each.
    pub size: u64,
    /// How many groups.
    pub groups: u64,
}

/// What is known of a comparison's candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonScores {
    /// Its floor threshold.
    pub threshold: f64,
    /// Candidates in all.
    pub candidates: u64,
    /// The candidates by score; `None` if some of them were found by an older version.
    pub scores: Option<ScoreHistogram>,
}

impl ComparisonScores {
    /// The sum over a comparison's parts.
    pub(super) fn sum(threshold: f64, candidates: u64, parts: Vec<Option<ScoreHistogram>>) -> Self {
        let scores = parts.into_iter().try_fold(ScoreHistogram::default(), |mut sum, part| {
            sum.add(&part?);
            Some(sum)
        });
        Self { threshold, candidates, scores }
    }
}

impl RunResult {
    /// Names of all objects of the result.
    pub fn objects(&self) -> Vec<&str> {
        match self {
            Self::Groups { object, .. } | Self::SimilarityScores { object, .. } => vec![object],
            Self::Permutations { mask, permutations, .. } => vec![mask, &permutations[0], &permutations[1]],
        }
    }
}

/// A run as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Its identifier.
    pub id: RunId,
    /// Its project.
    pub project: ProjectId,
    /// The project's result type.
    pub result_type: ResultType,
    /// Least Dice coefficient of a candidate pair.
    pub threshold: f64,
    /// A name for people.
    pub name: String,
    /// Notes for people.
    pub notes: String,
    /// Where it stands.
    pub state: RunState,
    /// The part at work.
    pub stage: Stage,
    /// Parties in the project.
    pub parties: u16,
    /// Parties whose data are ready.
    pub parties_contributed: u16,
    /// The comparison that gives its candidates, once planned.
    pub comparison: Option<ComparisonId>,
    /// Comparisons in all, once planned.
    pub comparisons_total: Option<u64>,
    /// Comparisons of completed tasks.
    pub comparisons_done: u64,
    /// When it was posted.
    pub time_added: Timestamp,
    /// When the first worker took it up.
    pub time_started: Option<Timestamp>,
    /// When it ended.
    pub time_completed: Option<Timestamp>,
    /// Why it failed.
    pub message: Option<String>,
    /// Where the result is, once completed.
    pub result: Option<RunResult>,
}

/// Runs in the metadata store.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Stores a run; if all data are there it is queued and its `plan` task enqueued in the same transaction.
    async fn create_run(&self, project: ProjectId, run: &NewRun) -> DbResult<CreateRun>;

    /// A part of the project's runs, oldest first.
    async fn list_runs(
        &self,
        project: ProjectId,
        page: ListPage,
    ) -> DbResult<Vec<(RunId, Timestamp, RunState)>>;

    /// A run, unless it doesn't exist in this project.
    async fn run(&self, project: ProjectId, run: RunId) -> DbResult<Option<RunRecord>>;

    /// Removes a run, its tasks and what only it referred to; its objects are left to the sweeper. False if there was none.
    async fn delete_run(&self, project: ProjectId, run: RunId) -> DbResult<bool>;

    /// The candidates of a completed comparison by score; `None` if it is gone.
    async fn comparison_scores(&self, comparison: ComparisonId) -> DbResult<Option<ComparisonScores>>;

    /// Comparisons per second over the last hundred completed runs; 0 if there is none.
    async fn comparison_rate(&self) -> DbResult<u64>;
}
