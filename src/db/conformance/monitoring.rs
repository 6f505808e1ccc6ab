//! What operators look at.

use super::*;
use crate::db::monitor::{ALIVE, Overview, Worker};
use crate::domain::{RunState, TaskKind};

const SECOND: Duration = Duration::from_secs(1);

/// Seconds, to the fifty: a server's clock goes on by itself.
fn rounded(duration: Duration) -> u64 {
    duration.as_secs() / 50 * 50
}

fn worker(name: &str, concurrency: u32) -> Worker {
    Worker {
        name: name.into(),
        version: "1.2.3".into(),
        queues: vec![Queue::Default, Queue::Compute],
        concurrency,
    }
}

impl Bed {
    async fn overview(&self) -> Overview {
        self.db.overview().await.unwrap()
    }
}

fn names(overview: &Overview) -> Vec<&str> {
    overview.workers.iter().map(|live| live.worker.name.as_str()).collect()
}

pub(super) async fn workers_are_alive_for_a_while(bed: Bed) {
    let db = &bed.db;
    assert!(bed.overview().await.workers.is_empty());
    db.worker_seen(&worker("b", 2)).await.unwrap();
    db.worker_seen(&worker("a", 1)).await.unwrap();
    let overview = bed.overview().await;
    assert_eq!(names(&overview), ["a", "b"]);
    assert_eq!(overview.workers[1].worker, worker("b", 2));
    bed.clock.advance(ALIVE / 2);
    db.worker_seen(&worker("b", 4)).await.unwrap();
    let overview = bed.overview().await;
    assert_eq!(overview.workers[1].worker.concurrency, 4, "the last word counts");
    let unseen = |at: usize| overview.workers[at].seen.until(overview.now);
    assert!(unseen(0) >= ALIVE / 2 && unseen(1) < ALIVE / 4, "{overview:?}");
    bed.clock.advance(ALIVE / 2 + SECOND);
    assert_eq!(names(&bed.overview().await), ["b"], "a is dead, though nobody has swept it");
    assert_eq!(db.forget_dead_workers().await.unwrap(), 1);
    assert_eq!(db.forget_dead_workers().await.unwrap(), 0);
    db.worker_gone("b").await.unwrap();
    db.worker_gone("b").await.unwrap();
    assert!(bed.overview().await.workers.is_empty());
}

pub(super) async fn queues_tell_their_depth_and_age(bed: Bed) {
    let db = &bed.db;
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    bed.clock.advance(SECOND * 100);
    let of = |overview: &Overview, queue: Queue| {
        let found = overview.counts.queues.into_iter().find(|counts| counts.queue == queue).unwrap();
        (found.ready, found.leased, found.oldest.map(rounded))
    };
    let overview = bed.overview().await;
    assert_eq!(of(&overview, Queue::Default), (1, 0, Some(100)));
    assert_eq!(of(&overview, Queue::Compute), (0, 0, None));
    let task = bed.must_claim(50).await;
    assert_eq!(of(&bed.overview().await, Queue::Default), (0, 1, None));
    db.hand_back(task.id, task.lease).await.unwrap();
    bed.clock.advance(SECOND * 300);
    assert_eq!(of(&bed.overview().await, Queue::Default), (1, 0, Some(300)), "it waits anew");
    let task = bed.must_claim(51).await;
    db.fail(task.id, task.lease, "not now", Some(SECOND * 60)).await.unwrap();
    assert_eq!(of(&bed.overview().await, Queue::Default), (1, 0, None), "nobody could take it yet");
    bed.clock.advance(SECOND * 62);
    let task = bed.must_claim(52).await;
    db.complete(task.id, task.lease, &plan(3)).await.unwrap();
    let held = bed.must_claim(53).await;
    bed.clock.advance(SECOND * 50);
    let overview = bed.overview().await;
    assert_eq!(of(&overview, Queue::Compute), (2, 1, Some(50)));
    assert_eq!((overview.counts.ready, overview.counts.leased), (2, 1));
    let [at_work] = overview.tasks.as_slice() else { panic!("{overview:?}") };
    assert_eq!((at_work.worker.as_str(), at_work.kind), ("worker", TaskKind::Compare));
    assert_eq!((at_work.project, held.project), (project, project));
    assert_eq!(rounded(at_work.since.unwrap().until(overview.now)), 50);
}

pub(super) async fn open_runs_and_failures_are_told(bed: Bed) {
    let db = &bed.db;
    let overview = bed.overview().await;
    assert_eq!((overview.projects, overview.runs.len(), overview.failures.len()), (0, 0, 0));
    let project = bed.loaded(1, ResultType::Groups).await;
    for run in 1..=3 {
        db.create_run(project, &new_run(run, 0.8)).await.unwrap();
    }
    let task = bed.must_claim(50).await;
    db.complete(task.id, task.lease, &plan(2)).await.unwrap();
    let overview = bed.overview().await;
    let runs: Vec<_> = overview.runs.iter().map(|run| (run.id, run.state)).collect();
    let (queued, running) = (RunState::Queued, RunState::Running);
    assert_eq!(runs, [(run_id(1), running), (run_id(2), queued), (run_id(3), queued)]);
    let first = &overview.runs[0];
    assert_eq!(first.comparison.map(|(_, done, total)| (done, total)), Some((0, 200)));
    assert_eq!((first.project, first.result_type), (project, ResultType::Groups));
    assert!(first.time_started.is_some() && overview.runs[1].time_started.is_none());
    assert!(overview.runs[1].comparison.is_none());

    bed.clock.advance(SECOND);
    let task = bed.must_claim(51).await;
    db.fail(task.id, task.lease, "no way", None).await.unwrap();
    bed.clock.advance(SECOND);
    let other = bed.project(2, ResultType::Groups).await;
    db.create_run(other, &new_run(9, 0.8)).await.unwrap();
    db.begin_upload(other, 0, lease(99), TTL).await.unwrap();
    let odd = Verdict::Error("odd".into());
    db.finish_upload(other, 0, lease(99), token(98), &odd).await.unwrap();
    let overview = bed.overview().await;
    let failures: Vec<_> = overview.failures.iter().map(|f| (f.project, f.run, f.message.as_str())).collect();
    assert_eq!(failures.len(), 2, "the project's run is told with it: {failures:?}");
    assert_eq!(failures[0], (other, None, "odd"), "newest first");
    assert_eq!((failures[1].0, failures[1].2), (project, "no way"));
    assert!(failures[1].1.is_some());
    assert!(overview.failures[0].time.until(overview.now) < SECOND * 40);
    assert_eq!((overview.runs.len(), overview.projects), (2, 2));
    db.delete_project(other).await.unwrap();
    assert_eq!(bed.overview().await.failures.len(), 1, "what is deleted is forgotten");
}
