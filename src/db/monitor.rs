//! What operators look at: which workers are alive, what they do, which runs are at work, what has failed.
//!
//! All times are the store's own, as everything's that is compared with a lease.

use std::time::Duration;

use async_trait::async_trait;

use super::DbResult;
use super::ledger::LedgerCounts;
use crate::domain::{
    ComparisonId, ProjectId, Queue, ResultType, RunId, RunState, Stage, TaskKind, Timestamp,
};

/// A worker that hasn't been seen for so long counts as dead.
pub const ALIVE: Duration = Duration::from_secs(60);
/// Most runs in progress that are told.
pub const MOST_RUNS: u32 = 100;
/// Most failures that are told.
pub const MOST_FAILURES: u32 = 20;
/// Most workers, and tasks at work, that are told.
pub const MOST_WORKERS: u32 = 1000;

/// A process that does tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name in the ledger.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The queues that it takes tasks from.
    pub queues: Vec<Queue>,
    /// Tasks that it does at once.
    pub concurrency: u32,
}

/// A worker that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveWorker {
    /// The worker.
    pub worker: Worker,
    /// When it last said so.
    pub seen: Timestamp,
}

/// A task that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTask {
    /// The worker's name.
    pub worker: String,
    /// What it does.
    pub kind: TaskKind,
    /// For which project.
    pub project: ProjectId,
    /// Since when, unless it was claimed by a worker of a version that didn't note it.
    pub since: Option<Timestamp>,
}

/// A run that waits for a worker or is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Its project.
    pub project: ProjectId,
    /// Its identifier.
    pub id: RunId,
    /// What it gives.
    pub result_type: ResultType,
    /// Queued or running.
    pub state: RunState,
    /// The part at work.
    pub stage: Stage,
    /// The comparison that gives its candidates, once planned, with comparisons of completed tasks and in all.
    pub comparison: Option<(ComparisonId, u64, u64)>,
    /// When it was posted.
    pub time_added: Timestamp,
    /// When the first worker took it up.
    pub time_started: Option<Timestamp>,
}

/// A run that failed, or a project in error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The project.
    pub project: ProjectId,
    /// The run; `None` if it is the project that is in error.
    pub run: Option<RunId>,
    /// When; for a project that an older version turned to error, when it was created.
    pub time: Timestamp,
    /// Why, as its owner is told.
    pub message: String,
}

/// All of it at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The time of the store.
    pub now: Timestamp,
    /// What waits and what is held.
    pub counts: LedgerCounts,
    /// Live workers by name, [`MOST_WORKERS`] at most.
    pub workers: Vec<LiveWorker>,
    /// Tasks at work, those of the longest standing first, [`MOST_WORKERS`] at most.
    pub tasks: Vec<HeldTask>,
    /// Runs in progress, those at work first and then by age, [`MOST_RUNS`] at most.
    pub runs: Vec<OpenRun>,
    /// What failed, newest first, [`MOST_FAILURES`] at most. A run that failed because its project did isn't told apart.
    pub failures: Vec<Failure>,
    /// Number of projects.
    pub projects: u64,
}

/// What operators look at.
#[async_trait]
pub trait Monitor: Send + Sync {
    /// A worker says that it is alive.
    async fn worker_seen(&self, worker: &Worker) -> DbResult<()>;

    /// A worker says that it ends.
    async fn worker_gone(&self, name: &str) -> DbResult<()>;

    /// Forgets workers that haven't been seen for [`ALIVE`]; returns how many.
    async fn forget_dead_workers(&self) -> DbResult<u64>;

    /// Everything at one time.
    async fn overview(&self) -> DbResult<Overview>;
}

/// The names of some queues as one text for a column.
pub(super) fn joined(queues: &[Queue]) -> String {
    queues.iter().map(|queue| queue.name()).collect::<Vec<_>>().join(",")
}

/// The queues in such a text; those that only a newer version knows are left out.
pub(super) fn split(text: &str) -> Vec<Queue> {
    text.split(',').filter_map(|name| name.parse().ok()).collect()
}
