//! Many at once: no task is done twice or lost, and nobody waits in a circle.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use super::*;
use crate::db::conformance::new_project;
use crate::db::ledger::{Held, Ledger, Outcome, Plan, Work};
use crate::db::objects::Objects;
use crate::db::projects::Projects;
use crate::db::runs::{NewRun, RunLimits, RunResult, Runs};
use crate::db::uploads::{Uploads, Verdict};
use crate::db::{Db, Lease, ListPage};
use crate::domain::task::{Part, PlannedPart};
use crate::domain::{ProjectId, Queue, ResultType, RunId, RunState, Token, TokenDigest, UploadSummary};
use crate::matching::threshold::Threshold;

const TTL: Duration = Duration::from_secs(30);

/// Distinct values from one counter.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn bytes<const N: usize>(seed: u64) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

fn fresh() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn digest() -> TokenDigest {
    Token::from_random(bytes(fresh())).digest()
}

async fn project(db: &dyn Db) -> ProjectId {
    let id = ProjectId::from_random(bytes(fresh()));
    let project = new_project(ResultType::Groups);
    db.create_project(id, &project, &[digest(), digest()], digest()).await.unwrap();
    id
}

async fn upload(db: &dyn Db, project: ProjectId, party: u16) {
    let lease = Lease(bytes(fresh()));
    db.begin_upload(project, party, lease, TTL).await.unwrap();
    let object = format!("{project}/{party}-{}", lease.hex());
    db.register_object(&object, project, lease, TTL).await.unwrap();
    db.renew_upload(project, party, lease, TTL).await.unwrap();
    let summary = UploadSummary {
        count: 1,
        size: 128,
        digest: bytes(1),
        encodings_object: object,
        blocks_object: None,
        warnings: Vec::new(),
        report: None,
    };
    let verdict = Verdict::Ready { summary, strict: false };
    db.finish_upload(project, party, lease, digest(), &verdict).await.unwrap();
}

async fn run(db: &dyn Db, project: ProjectId, threshold: f64) -> RunId {
    let id = RunId::from_random(bytes(fresh()));
    let run = NewRun {
        id,
        threshold: Threshold::new(threshold).unwrap(),
        name: String::new(),
        notes: String::new(),
        seed: bytes(1),
        limits: RunLimits { all: u32::MAX, at_work: u32::MAX },
    };
    db.create_run(project, &run).await.unwrap();
    id
}

fn plan(parts: u32) -> Outcome {
    let part = |i| PlannedPart {
        part: Part::Rows { party0: 0, party1: 1, rows0: (i, i + 1), rows1: (0, 100) },
        comparisons: 100,
    };
    Outcome::Planned(Plan { parts: (0..parts).map(part).collect(), key: bytes(77) })
}

/// Claims a task and does it; `None` if there was none. The number of parts comes with a plan.
async fn work(db: &PostgresDb, parts: u32) -> Option<(i64, Held)> {
    let lease = Lease(bytes(fresh()));
    let task = db.claim("hunter", &Queue::ALL, lease, TTL).await.unwrap()?;
    let object = format!("{}/{}", task.project, lease.hex());
    let outcome = match task.work {
        Work::Plan { .. } => plan(parts),
        Work::Compare { .. } => {
            db.register_object(&object, task.project, lease, TTL).await.unwrap();
            Outcome::Compared {
                object,
                candidates: 1,
                scores: Default::default(),
                limit: 1_000_000,
                limit_name: "LIMIT",
            }
        }
        Work::Finish { .. } => {
            db.register_object(&object, task.project, lease, TTL).await.unwrap();
            Outcome::Finished(RunResult::Groups { object, groups: 1, sizes: None })
        }
        Work::Ingest { .. } => Outcome::Ingested(Verdict::Error("no".into())),
    };
    Some((task.id.0, db.complete(task.id, lease, &outcome).await.unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn every_task_is_done_once() {
    let cluster = Postgres::start();
    let db = store(&cluster, "stress", 4).await;
    let project = project(&db).await;
    upload(&db, project, 0).await;
    upload(&db, project, 1).await;
    let run = run(&db, project, 0.8).await;
    let started = Instant::now();
    let done = Arc::new(Mutex::new(Vec::new()));
    let workers = (0..8).map(|_| {
        let db = handle(&cluster, "stress", 3);
        let done = done.clone();
        tokio::spawn(async move {
            while db.run(project, run).await.unwrap().unwrap().state != RunState::Completed {
                match work(&db, 2000).await {
                    Some((task, held)) => {
                        assert_eq!(held, Held::Yes);
                        done.lock().unwrap().push(task);
                    }
                    None => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    eprintln!("2000 tasks by 8 workers in {:?}", started.elapsed());
    let done = std::mem::take(&mut *done.lock().unwrap());
    assert_eq!(done.len(), 2002, "a plan, the parts, the end");
    assert_eq!(done.iter().collect::<HashSet<_>>().len(), 2002, "none twice");
    assert_eq!(db.ledger_counts().await.unwrap(), Default::default());
    let record = db.run(project, run).await.unwrap().unwrap();
    assert_eq!((record.comparisons_done, record.comparisons_total), (200_000, Some(200_000)));
    assert!(db.dead_objects(10).await.unwrap().is_empty());
}

/// One step of somebody who works, fails, hands back, or lets time pass.
async fn disturb(db: &PostgresDb, turn: u64) {
    match turn % 5 {
        0 | 1 => drop(work(db, 12).await),
        kind => {
            let lease = Lease(bytes(fresh()));
            let Some(task) = db.claim("hunter", &Queue::ALL, lease, TTL).await.unwrap() else { return };
            for part in ["a", "b"] {
                let object = format!("{}/{}-{part}", task.project, lease.hex());
                db.register_object(&object, task.project, lease, TTL).await.unwrap();
            }
            db.renew_task(task.id, lease, TTL).await.unwrap();
            match kind {
                2 => db.hand_back(task.id, lease).await.unwrap(),
                3 => db.fail(task.id, lease, "on purpose", Some(Duration::from_millis(1))).await.unwrap(),
                _ if turn % 40 == 4 => db.fail(task.id, lease, "for good", None).await.unwrap(),
                _ => db.hand_back(task.id, lease).await.unwrap(),
            };
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn nobody_waits_in_a_circle() {
    let cluster = Postgres::start();
    let db = store(&cluster, "circle", 4).await;
    let projects = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..3 {
        let another = project(&db).await;
        projects.lock().unwrap().push(another);
    }
    let deadline = Instant::now() + Duration::from_secs(8);
    let mut all = Vec::new();
    for actor in 0..10_u64 {
        let db = handle(&cluster, "circle", 3);
        let projects = projects.clone();
        all.push(tokio::spawn(async move {
            let mut turns = 0_u64;
            while Instant::now() < deadline {
                turns += 1;
                let slot = ((turns + actor) % 3) as usize;
                let current = projects.lock().unwrap()[slot];
                match actor {
                    0 => {
                        let successor = project(&db).await;
                        projects.lock().unwrap()[slot] = successor;
                        tokio::time::sleep(Duration::from_millis(150)).await;
                        assert!(db.delete_project(current).await.unwrap());
                    }
                    1 => upload(&db, current, (turns % 2) as u16).await,
                    2 => drop(run(&db, current, 0.5 + 0.1 * (turns % 4) as f64).await),
                    3 => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        if let Some((run, ..)) =
                            db.list_runs(current, ListPage::first(9)).await.unwrap().first()
                        {
                            db.delete_run(current, *run).await.unwrap();
                        }
                    }
                    4 => {
                        let dead = db.dead_objects(50).await.unwrap();
                        db.forget_objects(&dead).await.unwrap();
                        db.rescue().await.unwrap();
                    }
                    5 => {
                        let lease = Lease(bytes(fresh()));
                        let party = (turns % 2) as u16;
                        db.begin_upload(current, party, lease, TTL).await.unwrap();
                        for part in ["a", "b"] {
                            let object = format!("{current}/{}-{part}", lease.hex());
                            db.register_object(&object, current, lease, TTL).await.unwrap();
                        }
                        match turns % 4 {
                            0 => {
                                db.accept_external(current, party, lease, digest(), "x").await.unwrap();
                            }
                            _ => db.abandon_upload(current, party, lease).await.unwrap(),
                        }
                    }
                    _ => disturb(&db, turns).await,
                }
            }
            turns
        }));
    }
    let mut turns = Vec::new();
    for actor in all {
        turns.push(actor.await.unwrap());
    }
    eprintln!("turns by actor: {turns:?}");
    let log = cluster.log();
    assert!(!log.contains("deadlock") && !log.contains("ERROR"), "{log}");
    // What is left can be worked off.
    let left = projects.lock().unwrap().clone();
    while work(&db, 3).await.is_some() {}
    for project in left {
        for (run, ..) in db.list_runs(project, ListPage::first(10_000)).await.unwrap() {
            let record = db.run(project, run).await.unwrap().unwrap();
            assert!(record.state.is_final() || record.state == RunState::Created, "{record:?}");
        }
        assert!(db.delete_project(project).await.unwrap());
    }
    let rows = "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM tasks) + (SELECT count(*) FROM comparisons)
                + (SELECT count(*) FROM tokens) + (SELECT count(*) FROM parties) + (SELECT count(*) FROM candidate_files)
                + (SELECT count(*) FROM objects WHERE state = 'live')";
    assert_eq!(cluster.psql("circle", rows), "0", "a deleted project leaves no row, and no object alive");
}
