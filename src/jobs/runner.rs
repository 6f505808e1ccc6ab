//! The runner: claims tasks as long as there are free slots, does them, and records what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::compare::{Comparing, compare};
use super::finish::finish;
use super::heartbeat::Heartbeat;
use super::ingest::ingest;
use super::plan::plan;
use super::presence::Presence;
use super::shutdown::turned_true;
use super::slot::{Slot, Slots};
use super::{JobContext, JobError};
use crate::db::ledger::{ClaimedTask, Held, LONGEST_PAUSE, Outcome, Work};
use crate::db::uploads::Verdict;
use crate::db::{DbResult, Lease};
use crate::domain::ids::short;
use crate::domain::{Queue, TaskKind, random_bytes};
use crate::telemetry::metrics;
use crate::telemetry::trace::{self, TARGET};

/// Wait after an error of the metadata store.
const PAUSE: Duration = Duration::from_secs(2);

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
        let heartbeat =
            Heartbeat::start(context.db.clone(), context.settings.lease, context.cache.cancels())?;
        Ok(Self { context, queues, heartbeat, draining: Arc::default() })
    }

    /// Works until `shutdown` turns true; then claims no more, gives running tasks `grace` to end, and hands the rest back.
    pub async fn run(self, shutdown: watch::Receiver<bool>, grace: Duration) {
        let presence = Presence::announce(&self.context, &self.queues);
        let slots = Slots::new(self.context.settings.concurrency);
        metrics().worker_slots.set(i64::try_from(self.context.settings.concurrency).unwrap_or(i64::MAX));
        let mut running = JoinSet::new();
        loop {
            // Ended tasks are forgotten as we go: the set holds what runs.
            while running.try_join_next().is_some() {}
            let slot = tokio::select! {
                biased;
                () = turned_true(shutdown.clone()) => break,
                slot = slots.core() => slot,
            };
            let listener = self.context.cache.listen(&self.queues);
            match self.claim().await {
                Ok(Some(task)) => {
                    let (context, heartbeat, draining) =
                        (self.context.clone(), self.heartbeat.clone(), self.draining.clone());
                    running.spawn(async move {
                        let kind = task.work.kind();
                        let done = run_task(&context, &heartbeat, &draining, task, slot).await;
                        for queue in woken(kind, done) {
                            context.cache.ring(*queue);
                        }
                    });
                }
                Ok(None) => tokio::select! {
                    () = turned_true(shutdown.clone()) => break,
                    _ = listener.wait(self.poll()) => {}
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
        presence.farewell().await;
    }

    /// How long to wait for a ring: somewhere in the cache's range, so that idle workers don't look all at once.
    fn poll(&self) -> Duration {
        let (least, most) = self.context.cache.poll();
        let [byte] = random_bytes::<1>(&*self.context.random);
        least + (most - least).mul_f64(f64::from(byte) / 255.0)
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

/// The queues that may hold new work after a task: what its completion has enqueued, or the task itself. A slot that became
/// free in this process needs no ring.
fn woken(kind: TaskKind, done: bool) -> &'static [Queue] {
    match (kind, done) {
        // A run may join a comparison that is complete.
        (TaskKind::Plan, true) => &[Queue::Compute, Queue::HighMemory],
        (TaskKind::Compare, true) => &[Queue::HighMemory],
        (TaskKind::Finish, true) => &[],
        // The last party's data start the runs that waited for them.
        (TaskKind::Ingest, _) | (TaskKind::Plan, false) => &[Queue::Default],
        (TaskKind::Compare, false) => &[Queue::Compute],
        (TaskKind::Finish, false) => &[Queue::HighMemory],
    }
}

/// Does a task in a slot; true if its outcome was recorded as done.
async fn run_task(
    context: &Arc<JobContext>,
    heartbeat: &Heartbeat,
    draining: &AtomicBool,
    task: ClaimedTask,
    slot: Slot,
) -> bool {
    let span = traced(&task);
    let slot = Arc::new(slot);
    let started = Instant::now();
    let kept = heartbeat.keep(task.id, task.lease);
    let cancelled = kept.cancelled.clone();
    let doing = {
        let (context, task, slot) = (context.clone(), task.clone(), slot.clone());
        // On the heap: it is large, and would be moved from hand to hand.
        let doing = Box::pin(async move { work(&context, &task, &cancelled, &slot).await });
        tokio::spawn(doing.instrument(span.clone()))
    };
    let result = match doing.await {
        Ok(result) => result,
        Err(error) => Err(JobError::Transient(format!("the worker failed inside: {error}"))),
    };
    let result = match result {
        Err(JobError::Cancelled) if draining.load(Ordering::Relaxed) => Err(JobError::Draining),
        other => other,
    };
    let brought = match &result {
        Ok(Outcome::Ingested(Verdict::Ready { summary, .. })) => Some((summary.count, summary.size)),
        _ => None,
    };
    let (what, recorded) = record(context, &task, result).instrument(span.clone()).await;
    drop(kept);
    context.ended(&task, matches!(recorded, Ok(Held::Yes))).await;
    if let Work::Compare { comparison, .. } = task.work {
        context.cache.end_progress(task.project, comparison, task.id);
    }
    let seconds = started.elapsed().as_secs_f64();
    let (kind, id, attempt) = (task.work.kind().name(), task.id.0, task.attempt);
    let metrics = metrics();
    metrics.tasks.with_label_values(&[kind, what]).inc();
    metrics.task_seconds.with_label_values(&[kind]).observe(seconds);
    if matches!(recorded, Ok(Held::No)) {
        metrics.leases_lost.inc();
    }
    if let (Some((count, size)), Ok(Held::Yes)) = (brought, &recorded) {
        metrics.uploaded("external", count, size);
    }
    span.record("anonlink.task.outcome", what);
    if what == "failed" || recorded.is_err() {
        span.record("otel.status_code", "error").record("error.type", what);
    }
    let (project, run) = (short(task.project), task.cause.map(short));
    let comparison = task.work.comparison().map(|comparison| comparison.0);
    match recorded {
        Ok(held) => tracing::info!(
            task = id,
            kind,
            project,
            run,
            comparison,
            attempt,
            seconds,
            held = held == Held::Yes,
            outcome = what,
            "task"
        ),
        // The lease will run out and somebody will do it again: nothing is lost.
        Err(error) => {
            tracing::error!(task = id, kind, project, run, comparison, attempt, seconds, outcome = what, %error, "not recorded")
        }
    }
    what == "done"
}

/// The task's span, in the trace that brought it about.
fn traced(task: &ClaimedTask) -> Span {
    let kind = task.work.kind();
    let span = tracing::info_span!(
        target: TARGET,
        "task",
        otel.name = kind.name(),
        otel.kind = "consumer",
        otel.status_code = Empty,
        error.type = Empty,
        messaging.system = "anonlink",
        messaging.operation.type = "process",
        messaging.destination.name = kind.queue().name(),
        anonlink.task.id = task.id.0,
        anonlink.task.attempt = task.attempt,
        anonlink.task.outcome = Empty,
        anonlink.project = Empty,
        anonlink.run = Empty,
        anonlink.comparison = task.work.comparison().map(|comparison| comparison.0),
    );
    if !span.is_disabled() {
        span.record("anonlink.project", short(task.project));
        if let Some(run) = &task.cause {
            span.record("anonlink.run", short(run));
        }
    }
    if let Some(parent) = &task.traceparent {
        trace::adopt(&span, parent);
    }
    span
}

async fn work(
    context: &Arc<JobContext>,
    task: &ClaimedTask,
    cancelled: &Arc<AtomicBool>,
    slot: &Slot,
) -> Result<Outcome, JobError> {
    match task.work.clone() {
        Work::Ingest { party, source } => ingest(context, task, party, &source, cancelled).await,
        Work::Plan { run } => plan(context, task.project, run).await,
        Work::Compare { comparison, threshold, number, part } => {
            compare(context, task, Comparing { comparison, threshold, number, part }, cancelled, slot).await
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
        Err(JobError::Refused(message)) => {
            tracing::info!(task = id.0, %message, "the task can't be done as it was asked for");
            ("failed", db.fail(id, lease, &message, None).await)
        }
        Err(JobError::Permanent(message)) => {
            let (error_id, told) = told(context);
            tracing::warn!(task = id.0, error_id, %message, "the task can't be done");
            ("failed", db.fail(id, lease, &told, None).await)
        }
        Err(JobError::Transient(message)) => {
            let (error_id, told) = told(context);
            tracing::warn!(task = id.0, error_id, %message, "the task failed and will be tried again");
            let wait = Duration::from_secs(1 << task.attempt.min(6)).min(LONGEST_PAUSE);
            ("failed", db.fail(id, lease, &told, Some(wait)).await)
        }
    }
}

/// A number for the log, and what the holders of tokens are told of an error inside the service: where its cause can be found, and nothing
/// of the service's own paths and objects.
fn told(context: &JobContext) -> (String, String) {
    let error_id = hex::encode(random_bytes::<4>(&*context.random));
    let told =
        format!("the service failed at this (error {error_id}): its operator finds the cause in the log");
    (error_id, told)
}
