//! The way of a run through its tasks.

use super::*;
use crate::db::ledger::{Held, Work};
use crate::db::runs::{CreateRun, GroupSize, RunResult};
use crate::domain::{RunState, ScoreHistogram, Stage, TaskKind};

/// So many candidates in the best bin, and one more in another for the sake of it.
fn scores(candidates: u64) -> ScoreHistogram {
    let mut counts = [0; 100];
    (counts[99], counts[80]) = (candidates, 1);
    counts.into()
}

fn candidates(object: String, candidates: u64) -> Outcome {
    Outcome::Compared { object, candidates, scores: scores(candidates), limit: 1000, limit_name: "LIMIT" }
}

fn sizes() -> Vec<GroupSize> {
    vec![GroupSize { size: 2, groups: 1 }, GroupSize { size: 3, groups: 2 }]
}

fn groups(object: String) -> Outcome {
    Outcome::Finished(RunResult::Groups { object, groups: 3, sizes: Some(sizes()) })
}

impl Bed {
    async fn state(&self, project: ProjectId, run: u32) -> RunState {
        self.db.run(project, run_id(run)).await.unwrap().unwrap().state
    }

    /// Claims and completes one compare task.
    async fn compare(&self, seed: u32, found: u64) {
        let task = self.must_claim(seed).await;
        assert_eq!(task.work.kind(), TaskKind::Compare, "{task:?}");
        assert!(task.cause.is_some() && task.traceparent.is_none(), "{task:?}");
        let object = self.object(&task, "candidates").await;
        assert_eq!(
            self.db.complete(task.id, task.lease, &candidates(object, found)).await.unwrap(),
            Held::Yes
        );
    }

    /// Claims and completes the next plan.
    async fn plan(&self, seed: u32, parts: u32) {
        let task = self.must_claim(seed).await;
        assert_eq!(task.work.kind(), TaskKind::Plan, "{task:?}");
        assert_eq!(self.db.complete(task.id, task.lease, &plan(parts)).await.unwrap(), Held::Yes);
    }
}

pub(super) async fn a_run_goes_its_way(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    assert_eq!(db.create_run(project, &new_run(1, 0.8)).await.unwrap(), CreateRun::Created { queued: true });
    assert_eq!(bed.state(project, 1).await, RunState::Queued);
    let task = bed.must_claim(50).await;
    assert_eq!((&task.work, task.attempt, task.project), (&Work::Plan { run: run_id(1) }, 1, project));
    assert_eq!((task.cause, &task.traceparent), (Some(run_id(1)), &None), "nobody traces");
    assert!(bed.claim(51).await.is_none(), "one task, one worker");
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.state, run.stage), (RunState::Running, Stage::WaitingForClks));
    assert!(run.time_started.is_some());
    assert_eq!(db.run_for_work(run_id(1)).await.unwrap().unwrap().encoding_size, 128);
    assert_eq!(db.complete(task.id, task.lease, &plan(3)).await.unwrap(), Held::Yes);
    assert_eq!(db.complete(task.id, task.lease, &plan(3)).await.unwrap(), Held::No, "only once");
    assert_eq!(db.ledger_counts().await.unwrap().ready, 3);
    for (i, seed) in (60..63).enumerate() {
        let run = db.run(project, run_id(1)).await.unwrap().unwrap();
        assert_eq!(
            (run.stage, run.comparisons_total, run.comparisons_done),
            (Stage::Compare, Some(300), i as u64 * 100)
        );
        bed.compare(seed, 5).await;
    }
    let task = bed.must_claim(70).await;
    let Work::Finish { run, comparison } = task.work else { panic!("{task:?}") };
    assert_eq!(run, run_id(1));
    let files = db.candidate_files(comparison).await.unwrap().unwrap();
    assert_eq!((files.objects.len(), files.candidates, files.threshold), (3, 15, 0.8));
    assert!(files.objects.iter().all(|(_, candidates)| *candidates == 5));
    let found = db.comparison_scores(comparison).await.unwrap().unwrap();
    assert_eq!((found.threshold, found.candidates), (0.8, 15));
    let counts = found.scores.unwrap();
    assert_eq!((counts.counts()[99], counts.counts()[80], counts.counts().iter().sum::<u64>()), (15, 3, 18));
    assert_eq!(db.run(project, run).await.unwrap().unwrap().stage, Stage::Output);
    let object = bed.object(&task, "result").await;
    assert_eq!(db.complete(task.id, task.lease, &groups(object.clone())).await.unwrap(), Held::Yes);
    let run = db.run(project, run).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Completed);
    assert_eq!(run.result, Some(RunResult::Groups { object, groups: 3, sizes: Some(sizes()) }));
    assert!(run.time_completed >= run.time_started && run.time_started >= Some(run.time_added));
    assert!(bed.claim(80).await.is_none());
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    assert!(bed.dead().await.is_empty());
    assert!(db.comparison_rate().await.unwrap() > 0);
    // The result and, since nothing else uses it, the comparison go with the run.
    assert!(db.delete_run(project, run_id(1)).await.unwrap());
    assert!(!db.delete_run(project, run_id(1)).await.unwrap());
    assert_eq!(bed.dead().await.len(), 4);
}

pub(super) async fn runs_share_comparisons(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::SimilarityScores).await;
    for (run, threshold) in [(1, 0.7), (2, 0.7), (3, 0.9), (4, 0.6)] {
        db.create_run(project, &new_run(run, threshold)).await.unwrap();
    }
    bed.plan(50, 1).await;
    bed.plan(51, 1).await;
    let one = db.run(project, run_id(1)).await.unwrap().unwrap();
    let two = db.run(project, run_id(2)).await.unwrap().unwrap();
    assert_eq!(one.comparison, two.comparison, "same threshold, still under way: joined");
    bed.plan(52, 1).await;
    let three = db.run(project, run_id(3)).await.unwrap().unwrap();
    assert_ne!(one.comparison, three.comparison, "a higher threshold waits for no unfinished one");
    bed.plan(53, 1).await;
    for seed in 60..63 {
        bed.compare(seed, 1).await;
    }
    assert_eq!(db.ledger_counts().await.unwrap().ready, 4, "one finish for each run");
    for seed in 70..74 {
        let task = bed.must_claim(seed).await;
        let object = bed.object(&task, "result").await;
        let outcome = Outcome::Finished(RunResult::SimilarityScores { object, candidates: 1 });
        db.complete(task.id, task.lease, &outcome).await.unwrap();
    }
    // A later run at a higher threshold needs no comparing.
    db.create_run(project, &new_run(5, 0.75)).await.unwrap();
    bed.plan(80, 1).await;
    let five = db.run(project, run_id(5)).await.unwrap().unwrap();
    assert_eq!(five.comparison, one.comparison, "the closest finished floor");
    assert_eq!(five.stage, Stage::Compare, "similarity scores have two stages");
    let task = bed.must_claim(81).await;
    assert!(matches!(task.work, Work::Finish { .. }));
    // Deleting one user of a comparison keeps it for the others.
    db.delete_run(project, run_id(1)).await.unwrap();
    db.delete_run(project, run_id(2)).await.unwrap();
    assert_eq!(db.renew_task(task.id, task.lease, TTL).await.unwrap(), Held::Yes);
    assert!(db.candidate_files(one.comparison.unwrap()).await.unwrap().is_some());
    db.delete_run(project, run_id(5)).await.unwrap();
    assert!(db.candidate_files(one.comparison.unwrap()).await.unwrap().is_none());
}

pub(super) async fn nothing_to_compare_goes_straight_to_the_output(bed: Bed) {
    let project = bed.loaded(1, ResultType::Groups).await;
    bed.db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    bed.plan(50, 0).await;
    let run = bed.db.run(project, run_id(1)).await.unwrap().unwrap();
    assert_eq!((run.comparisons_total, run.stage), (Some(0), Stage::Output));
    assert!(matches!(bed.must_claim(51).await.work, Work::Finish { .. }));
}

pub(super) async fn too_many_candidates_fail_the_run(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    bed.plan(50, 3).await;
    let held = bed.must_claim(51).await;
    let task = bed.must_claim(52).await;
    let object = bed.object(&task, "candidates").await;
    db.complete(task.id, task.lease, &candidates(object, 1001)).await.unwrap();
    let run = db.run(project, run_id(1)).await.unwrap().unwrap();
    let message = run.message.unwrap();
    assert_eq!(run.state, RunState::Error);
    assert!(
        message.contains("LIMIT") && message.contains("1001") && message.contains("blocking"),
        "{message}"
    );
    assert_eq!(
        db.renew_task(held.id, held.lease, TTL).await.unwrap(),
        Held::No,
        "its siblings are cancelled"
    );
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    assert_eq!(bed.dead().await.len(), 1);
    // The last part is no exception: nothing goes on to its output first.
    db.create_run(project, &new_run(2, 0.9)).await.unwrap();
    bed.plan(60, 1).await;
    let task = bed.must_claim(61).await;
    let object = bed.object(&task, "candidates").await;
    db.complete(task.id, task.lease, &candidates(object, 1001)).await.unwrap();
    let run = db.run(project, run_id(2)).await.unwrap().unwrap();
    assert_eq!((run.state, run.stage.number()), (RunState::Error, 2));
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
}

pub(super) async fn a_large_run_lets_small_ones_pass(bed: Bed) {
    let db = &bed.db;
    let large = bed.loaded(1, ResultType::Groups).await;
    db.create_run(large, &new_run(1, 0.8)).await.unwrap();
    bed.plan(50, 500).await;
    bed.compare(51, 0).await;
    let small = bed.loaded(2, ResultType::Groups).await;
    db.create_run(small, &new_run(2, 0.8)).await.unwrap();
    let task = bed.must_claim(60).await;
    assert_eq!(task.project, small, "its plan comes first");
    db.complete(task.id, task.lease, &plan(2)).await.unwrap();
    let turns = [
        bed.must_claim(61).await.project,
        bed.must_claim(62).await.project,
        bed.must_claim(63).await.project,
    ];
    assert!(turns.iter().filter(|p| **p == small).count() == 2, "both its parts within three turns");
}

pub(super) async fn deleting_a_run_cancels_its_tasks(bed: Bed) {
    let db = &bed.db;
    let project = bed.loaded(1, ResultType::Groups).await;
    db.create_run(project, &new_run(1, 0.8)).await.unwrap();
    bed.plan(50, 4).await;
    bed.compare(51, 2).await;
    let held = bed.must_claim(52).await;
    let object = bed.object(&held, "candidates").await;
    assert!(db.delete_run(project, run_id(1)).await.unwrap());
    assert_eq!(db.renew_task(held.id, held.lease, TTL).await.unwrap(), Held::No);
    assert_eq!(db.complete(held.id, held.lease, &candidates(object, 1)).await.unwrap(), Held::No);
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    assert_eq!(bed.dead().await.len(), 2, "the recorded file and the one under way");
    assert!(db.project(project).await.unwrap().is_some());
}
