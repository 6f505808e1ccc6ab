//! The task ledger: who works on what, with leases, bounded attempts and fan-in.
//!
//! A worker claims a task with a lease, renews it while it works, and completes it in one transaction that checks the lease,
//! records the outcome, and, when it was the last of its stage, enqueues the next. Whoever has lost its lease can't complete:
//! what its successor does is never spoilt. Three ways to fail count apart, because they mean different things: an error is
//! most likely the task's own, an expired lease most likely the machine's, a hand-back is no failure at all.

use std::time::Duration;

use async_trait::async_trait;

use super::runs::RunResult;
use super::uploads::Verdict;
use super::{DbResult, Lease};
use crate::config::LONGEST_LEASE_SECONDS;
use crate::domain::task::{Part, PlannedPart};
use crate::domain::{
    ComparisonId, PermutationPositions, ProjectId, Queue, ResultType, RunId, ScoreHistogram, TaskId, TaskKind,
};

/// Errors after which a task's run fails.
pub const MAX_ERRORS: u32 = 4;
/// Expired leases after which a task's run fails.
pub const MAX_EXPIRIES: u32 = 20;

/// The longest wait before a task is tried again. One that says it waits for longer was put into its queue before the store's clock
/// was set back, and is due.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest lease. One that says it lasts longer was given before the store's clock was set back: whoever lives renews it within
/// a moment, so that it counts as expired.
pub const LONGEST_LEASE: Duration = Duration::from_secs(LONGEST_LEASE_SECONDS);

/// What to do, from the task's payload and the rows it refers to.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Bring in a party's data that were left in an object store.
    Ingest {
        /// The party's position in the project.
        party: u16,
        /// Where the data are, as [`Uploads::accept_external`](super::uploads::Uploads::accept_external) was told.
        source: String,
    },
    /// Work out the comparisons of a run.
    Plan {
        /// The run.
        run: RunId,
    },
    /// Search one part of a comparison.
    Compare {
        /// The comparison.
        comparison: ComparisonId,
        /// Its floor threshold.
        threshold: f64,
        /// Position of the part in the comparison.
        number: u32,
        /// What to compare.
        part: Part,
    },
    /// Turn the candidates into the result of a run.
    Finish {
        /// The run.
        run: RunId,
        /// The comparison that holds its candidates.
        comparison: ComparisonId,
    },
}

impl Work {
    /// The kind of task.
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Ingest { .. } => TaskKind::Ingest,
            Self::Plan { .. } => TaskKind::Plan,
            Self::Compare { .. } => TaskKind::Compare,
            Self::Finish { .. } => TaskKind::Finish,
        }
    }

    /// The run that it is for, if it is for one alone.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Plan { run } | Self::Finish { run, .. } => Some(*run),
            Self::Ingest { .. } | Self::Compare { .. } => None,
        }
    }

    /// The comparison that it belongs to.
    pub fn comparison(&self) -> Option<ComparisonId> {
        match self {
            Self::Compare { comparison, .. } | Self::Finish { comparison, .. } => Some(*comparison),
            Self::Ingest { .. } | Self::Plan { .. } => None,
        }
    }
}

/// A task that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedTask {
    /// The task.
    pub id: TaskId,
    /// Proof of the right to it.
    pub lease: Lease,
    /// Its project.
    pub project: ProjectId,
    /// What to do.
    pub work: Work,
    /// The run that brought it about. Others may come to share a comparison; `None` for `ingest`, and for tasks that an older
    /// binary enqueued.
    pub cause: Option<RunId>,
    /// The trace that it goes on with, as a W3C `traceparent`; `None` if nobody traces.
    pub traceparent: Option<String>,
    /// How often it was claimed, this time included.
    pub attempt: u32,
}

/// A plan for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The parts to compare; may be empty (an empty side, or no block in common).
    pub parts: Vec<PlannedPart>,
    /// Identifies data, blocking and measure: comparisons of one project with equal keys give equal candidates above
    /// their thresholds.
    pub key: [u8; 32],
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A party's data are in, or turned out unusable; as at the end of an upload that isn't strict.
    Ingested(Verdict),
    /// The run's plan. If a comparison of the same key at the same or (completed) a lower threshold exists, the run joins it and the
    /// parts are dropped.
    Planned(Plan),
    /// One part's candidates.
    Compared {
        /// The candidate file.
        object: String,
        /// How many candidates it holds.
        candidates: u64,
        /// The same by score.
        scores: ScoreHistogram,
        /// The limit on the comparison's candidates in all.
        limit: u64,
        /// Name of the setting behind the limit, for the message.
        limit_name: &'static str,
    },
    /// The run's result.
    Finished(RunResult),
}

/// Answer to a renewal or completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The lease is good, the outcome (if any) is recorded.
    Yes,
    /// The task is no longer this worker's: it was cancelled, or given to another.
    No,
}

/// What a worker needs to know about a run to plan or finish it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunForWork {
    /// What the run gives.
    pub result_type: ResultType,
    /// Its threshold.
    pub threshold: f64,
    /// Seed of the permutations.
    pub seed: [u8; 32],
    /// How far positions of permutations reach.
    pub permutation_positions: PermutationPositions,
    /// Whether the project uses blocking.
    pub uses_blocking: bool,
    /// Bytes per encoding.
    pub encoding_size: usize,
}

/// The candidate files of a completed comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateFiles {
    /// The comparison's floor threshold.
    pub threshold: f64,
    /// Names and candidates of the objects, in the order of the parts.
    pub objects: Vec<(String, u64)>,
    /// Candidates in all.
    pub candidates: u64,
}

/// What one queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounts {
    /// The queue.
    pub queue: Queue,
    /// Tasks that wait.
    pub ready: u64,
    /// Tasks that workers hold.
    pub leased: u64,
    /// How long the oldest has waited that could be taken now.
    pub oldest: Option<Duration>,
}

impl QueueCounts {
    /// An empty queue.
    pub fn empty(queue: Queue) -> Self {
        Self { queue, ready: 0, leased: 0, oldest: None }
    }
}

/// What is waiting, for status pages and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Tasks that wait.
    pub ready: u64,
    /// Tasks that workers hold.
    pub leased: u64,
    /// The same by queue, in the order of [`Queue::ALL`].
    pub queues: [QueueCounts; 3],
}

impl Default for LedgerCounts {
    fn default() -> Self {
        Self::of([])
    }
}

impl LedgerCounts {
    /// The sum over some queues; those that aren't named are empty.
    pub(super) fn of(found: impl IntoIterator<Item = QueueCounts>) -> Self {
        let mut counts = Self { ready: 0, leased: 0, queues: Queue::ALL.map(QueueCounts::empty) };
        for one in found {
            counts.ready += one.ready;
            counts.leased += one.leased;
            for queue in counts.queues.iter_mut().filter(|queue| queue.queue == one.queue) {
                *queue = one;
            }
        }
        counts
    }
}

/// Connections to a database server, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCounts {
    /// In use now.
    pub in_use: usize,
    /// Open now.
    pub open: usize,
    /// Allowed.
    pub max: usize,
}

/// The ledger.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Takes the next task of these queues, if there is one. `worker` names the process, for people; `lease` is a fresh
    /// random value. The first claim of a run's `plan` task moves the run to running.
    async fn claim(
        &self,
        worker: &str,
        queues: &[Queue],
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<Option<ClaimedTask>>;

    /// Renews a lease and the protection of the objects registered with it.
    async fn renew_task(&self, task: TaskId, lease: Lease, ttl: Duration) -> DbResult<Held>;

    /// Records the outcome and enqueues what follows.
    async fn complete(&self, task: TaskId, lease: Lease, outcome: &Outcome) -> DbResult<Held>;

    /// Records an error. The task waits for `retry_after` and is tried again, or, if `retry_after` is `None` or it was the
    /// last allowed, its runs fail with the message (with an `ingest` task the whole project). The lease's objects are doomed.
    async fn fail(
        &self,
        task: TaskId,
        lease: Lease,
        message: &str,
        retry_after: Option<Duration>,
    ) -> DbResult<Held>;

    /// Gives a task back unharmed. The lease's objects are doomed.
    async fn hand_back(&self, task: TaskId, lease: Lease) -> DbResult<Held>;

    /// Queues tasks again whose lease has run out, and fails the runs of those that have run out too often. Returns how
    /// many leases it found expired.
    async fn rescue(&self) -> DbResult<u64>;

    /// The run's particulars; `None` if it is gone.
    async fn run_for_work(&self, run: RunId) -> DbResult<Option<RunForWork>>;

    /// The candidate files of a completed comparison; `None` if it is gone.
    async fn candidate_files(&self, comparison: ComparisonId) -> DbResult<Option<CandidateFiles>>;

    /// Counts of tasks.
    async fn ledger_counts(&self) -> DbResult<LedgerCounts>;

    /// Connections to the server; `None` if there is none.
    fn pool(&self) -> Option<PoolCounts> {
        None
    }
}
