//! The runner: claims tasks as long as there are free slots, does them, and records what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::compare::{Comparing, compare};
use super::finish::finish;
use super::heartbeat::Heartbeat;
use super::plan::plan;
use super::shutdown::turned_true;
use super::{JobContext, JobError};
use crate::db::ledger::{ClaimedTask, Held, Outcome, Work};
use crate::db::{DbResult, Lease};
use crate::domain::{Queue, random_bytes};

/// Longest wait between two looks into the ledger: work that another process enqueued rings no bell here.
const POLL: Duration = Duration::from_secs(1);
/// Wait after an error of the metadata store.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest wait before a failed task is tried again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Runs the tasks of some queues.
pub struct Runner {
    context: Arc<JobContext>,
    queues: Vec<Queue>,
    heartbeat: Heartbeat,
    draining: Arc<AtomicBool>,
}

impl Runner {
    /// A runner for these queues.
    ///
    /// # Errors
    /// The system gives no thread for the heartbeats.
    pub fn new(context: Arc<JobContext>, queues: Vec<Queue>) -> std::io::Result<Self> {
        let heartbeat = Heartbeat::start(context.db.clone(), context.settings.lease)?;
        Ok(Self { context, queues, heartbeat, draining: Arc::default() })
    }

    /// Works until `shutdown` turns true; then claims no more, gives running tasks `grace` to end, and hands the rest back.
    pub async fn run(self, shutdown: watch::Receiver<bool>, grace: Duration) {
        let slots = Arc::new(Semaphore::new(self.context.settings.concurrency.max(1)));
        let mut running = JoinSet::new();
        loop {
            // Ended tasks are forgotten as we go: the set holds what runs.
            while running.try_join_next().is_some() {}
            let slot = tokio::select! {
                biased;
                () = turned_true(shutdown.clone()) => break,
                slot = slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            let listener = self.context.wake.listen();
            match self.claim().await {
                Ok(Some(task)) => {
                    let (context, heartbeat, draining) =
                        (self.context.clone(), self.heartbeat.clone(), self.draining.clone());
                    running.spawn(async move {
                        run_task(&context, &heartbeat, &draining, task).await;
                        drop(slot);
                        // What the task has enqueued is for everyone.
                        context.wake.ring();
                    });
                }
                Ok(None) => tokio::select! {
                    () = turned_true(shutdown.clone()) => break,
                    () = listener.wait(POLL) => {}
                },
                Err(error) => {
                    tracing::warn!(%error, "no task could be claimed");
                    tokio::select! {
                        () = turned_true(shutdown.clone()) => break,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
        self.drain(running, grace).await;
    }

    async fn claim(&self) -> DbResult<Option<ClaimedTask>> {
        let lease = Lease(random_bytes(&*self.context.random));
        self.context
            .db
            .claim(&self.context.settings.worker, &self.queues, lease, self.context.settings.lease)
            .await
    }

    async fn drain(&self, mut running: JoinSet<()>, grace: Duration) {
        let all_done = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all_done).await.is_err() {
            tracing::info!(tasks = running.len(), "handing back what is not finished");
            self.draining.store(true, Ordering::Relaxed);
            self.heartbeat.stop_all();
            while running.join_next().await.is_some() {}
        }
    }
}

async fn run_task(
    context: &Arc<JobContext>,
    heartbeat: &Heartbeat,
    draining: &AtomicBool,
    task: ClaimedTask,
) {
    let started = Instant::now();
    let kept = heartbeat.keep(task.id, task.lease);
    let cancelled = kept.cancelled.clone();
    let doing = {
        let (context, task) = (context.clone(), task.clone());
        tokio::spawn(async move { work(&context, &task, &cancelled).await })
    };
    let result = match doing.await {
        Ok(result) => result,
        Err(error) => Err(JobError::Transient(format!("the worker failed inside: {error}"))),
    };
    let result = match result {
        Err(JobError::Cancelled) if draining.load(Ordering::Relaxed) => Err(JobError::Draining),
        other => other,
    };
    let (what, recorded) = record(context, &task, result).await;
    drop(kept);
    let seconds = started.elapsed().as_secs_f64();
    let (kind, id, attempt) = (task.work.kind().name(), task.id.0, task.attempt);
    match recorded {
        Ok(held) => tracing::info!(
            task = id,
            kind,
            attempt,
            seconds,
            held = held == Held::Yes,
            outcome = what,
            "task"
        ),
        // The lease will run out and somebody will do it again: nothing is lost.
        Err(error) => {
            tracing::error!(task = id, kind, attempt, seconds, outcome = what, %error, "not recorded")
        }
    }
}

async fn work(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    cancelled: &Arc<AtomicBool>,
) -> Result<Outcome, JobError> {
    match task.work.clone() {
        Work::Ingest { .. } => {
            Err(JobError::Permanent("data in an object store can't be brought in here".into()))
        }
        Work::Plan { run } => plan(context, task.project, run).await,
        Work::Compare { comparison, threshold, number, part } => {
            compare(context, task, Comparing { comparison, threshold, number, part }, cancelled).await
        }
        Work::Finish { run, comparison } => finish(context, task, run, comparison, cancelled).await,
    }
}

/// Records what came of a task; says it in a word.
async fn record(
    context: &JobContext,
    task: &ClaimedTask,
    result: Result<Outcome, JobError>,
) -> (&'static str, DbResult<Held>) {
    let (db, id, lease) = (&context.db, task.id, task.lease);
    match result {
        Ok(outcome) => ("done", db.complete(id, lease, &outcome).await),
        Err(JobError::Draining) => ("handed back", db.hand_back(id, lease).await),
        Err(JobError::Cancelled) => ("cancelled", db.hand_back(id, lease).await),
        Err(JobError::Permanent(message)) => {
            tracing::warn!(task = id.0, %message, "the task can't be done");
            ("failed", db.fail(id, lease, &message, None).await)
        }
        Err(JobError::Transient(message)) => {
            tracing::warn!(task = id.0, %message, "the task failed and will be tried again");
            let wait = Duration::from_secs(1 << task.attempt.min(6)).min(LONGEST_RETRY);
            ("failed", db.fail(id, lease, &message, Some(wait)).await)
        }
    }
}
