//! The answer, from what the metadata store has told.

use std::collections::HashMap;

use serde::Serialize;

use super::health::{Health, seconds};
use super::rates::Rates;
use super::redact::told;
use crate::db::ledger::QueueCounts;
use crate::db::monitor::{Failure, HeldTask, LiveWorker, OpenRun, Overview};
use crate::domain::ids::short;
use crate::domain::{RunState, Stage, Timestamp};

/// The answer. What the metadata store didn't tell is empty or null.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    time: Timestamp,
    version: &'static str,
    project_count: Option<u64>,
    /// Comparisons per second over the last completed runs.
    rate: Option<u64>,
    health: Health,
    queues: Vec<Queue>,
    workers: Vec<Worker>,
    runs: Vec<Run>,
    failures: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Queue {
    queue: &'static str,
    ready: u64,
    leased: u64,
    oldest_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Worker {
    worker: String,
    version: String,
    queues: Vec<&'static str>,
    concurrency: u32,
    seen_seconds: f64,
    tasks: Vec<Task>,
}

#[derive(Debug, Serialize)]
struct Task {
    kind: &'static str,
    project: String,
    seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Run {
    project: String,
    run: String,
    state: RunState,
    stage: u8,
    stages: u8,
    description: &'static str,
    comparisons: Option<Comparisons>,
    rate: Option<f64>,
    seconds_left: Option<f64>,
    time_added: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_started: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Comparisons {
    done: u64,
    total: u64,
}

#[derive(Debug, Serialize)]
struct Failed {
    project: String,
    run: Option<String>,
    time: Timestamp,
    message: String,
}

impl Document {
    pub(super) fn new(
        time: Timestamp,
        health: Health,
        overview: Option<Overview>,
        rate: Option<u64>,
        rates: &mut Rates,
    ) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let mut document = Self {
            time,
            version,
            project_count: None,
            rate,
            health,
            queues: Vec::new(),
            workers: Vec::new(),
            runs: Vec::new(),
            failures: Vec::new(),
        };
        if let Some(Overview { now, counts, workers, tasks, runs, failures, projects }) = overview {
            rates.keep(|id| runs.iter().any(|run| run.comparison.is_some_and(|(at_work, ..)| at_work == id)));
            let mut tasks = by_worker(tasks, now);
            document.project_count = Some(projects);
            document.queues = counts.queues.into_iter().map(queue).collect();
            document.workers = workers
                .into_iter()
                .map(|live| {
                    let tasks = tasks.remove(&live.worker.name).unwrap_or_default();
                    worker(live, tasks, now)
                })
                .collect();
            document.runs = runs.into_iter().map(|open| run(&open, now, rates)).collect();
            document.failures = failures.into_iter().map(failed).collect();
        }
        document
    }
}

fn queue(counts: QueueCounts) -> Queue {
    let QueueCounts { queue, ready, leased, oldest } = counts;
    Queue { queue: queue.name(), ready, leased, oldest_seconds: oldest.map(seconds) }
}

fn by_worker(tasks: Vec<HeldTask>, now: Timestamp) -> HashMap<String, Vec<Task>> {
    let mut all: HashMap<String, Vec<Task>> = HashMap::new();
    for HeldTask { worker, kind, project, since } in tasks {
        let seconds = since.map(|since| seconds(since.until(now)));
        let task = Task { kind: kind.name(), project: short(project), seconds };
        all.entry(worker).or_default().push(task);
    }
    all
}

fn worker(live: LiveWorker, tasks: Vec<Task>, now: Timestamp) -> Worker {
    let LiveWorker { worker, seen } = live;
    Worker {
        worker: worker.name,
        version: worker.version,
        queues: worker.queues.into_iter().map(crate::domain::Queue::name).collect(),
        concurrency: worker.concurrency,
        seen_seconds: seconds(seen.until(now)),
        tasks,
    }
}

fn run(open: &OpenRun, now: Timestamp, rates: &mut Rates) -> Run {
    let stages = open.result_type.stages();
    let stage = open.stage.shown(open.state, stages);
    let comparing = open.comparison.filter(|_| stage == Stage::Compare);
    let rate = comparing.and_then(|(id, done, _)| rates.note(id, open.time_started, now, done));
    let left = comparing.map(|(_, done, total)| total.saturating_sub(done));
    Run {
        project: short(open.project),
        run: short(open.id),
        state: open.state,
        stage: stage.number(),
        stages,
        description: stage.description(),
        comparisons: open.comparison.map(|(_, done, total)| Comparisons { done, total }),
        rate: rate.map(|rate| (rate * 1000.0).round() / 1000.0),
        seconds_left: rate.zip(left).map(|(rate, left)| (left as f64 / rate * 10.0).round() / 10.0),
        time_added: open.time_added,
        time_started: open.time_started,
    }
}

fn failed(failure: Failure) -> Failed {
    let Failure { project, run, time, message } = failure;
    Failed { project: short(project), run: run.map(short), time, message: told(&message) }
}
