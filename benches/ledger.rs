//! What the ledger costs per task: claim, registration of an object and completion by one worker, PostgreSQL beside SQLite, both durable.
//!
//!     cargo bench --bench ledger
//!
//! 1000 tasks of a queue of 10 000; run it alone, on an idle machine. PostgreSQL is a private one on the loopback interface.

#[path = "../tests/kit/stack/mod.rs"]
mod stack;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anonlink::codec::audit::AuditKey;
use anonlink::config::system::{OsRandom, SystemClock};
use anonlink::config::{DatabaseSettings, DatabaseTls, Secret};
use anonlink::db::ledger::{Held, Outcome, Plan};
use anonlink::db::postgres::PostgresDb;
use anonlink::db::runs::{NewRun, RunLimits};
use anonlink::db::sqlite::SqliteDb;
use anonlink::db::uploads::Verdict;
use anonlink::db::{Db, Lease};
use anonlink::domain::audit::Actor;
use anonlink::domain::task::{Part, PlannedPart};
use anonlink::domain::{
    NewProject, PermutationPositions, ProjectId, Queue, ResultType, RunId, TokenDigest, UploadSummary,
    random_bytes,
};
use anonlink::matching::threshold::Threshold;
use stack::{Postgres, PostgresOptions};

/// Tasks in the queue, and how many of them are done.
const TASKS: u32 = 10_000;
const DONE: u32 = 1_000;

/// What a task may cost on PostgreSQL, in milliseconds.
const BAR: f64 = 2.0;

const TTL: Duration = Duration::from_secs(30);

fn fresh<const N: usize>() -> [u8; N] {
    random_bytes(&OsRandom)
}

/// A project whose parties have both uploaded, with a run that waits to be planned.
async fn run(db: &dyn Db) -> ProjectId {
    let (id, digest) = (ProjectId::from_random(fresh()), || TokenDigest(fresh()));
    let project = NewProject {
        schema: serde_json::json!({}),
        result_type: ResultType::Groups,
        parties: 2,
        name: String::new(),
        notes: String::new(),
        uses_blocking: false,
        permutation_positions: PermutationPositions::default(),
        expires_in: None,
        creator: Actor::ANYONE,
    };
    db.create_project(id, &project, &[digest(), digest()], digest()).await.unwrap();
    for party in 0..2 {
        let lease = Lease(fresh());
        db.begin_upload(id, party, lease, TTL).await.unwrap();
        let object = format!("{id}/{party}-{}", lease.hex());
        db.register_object(&object, id, lease, TTL).await.unwrap();
        let summary = UploadSummary {
            count: 1,
            size: 128,
            digest: fresh(),
            encodings_object: object,
            blocks_object: None,
            warnings: Vec::new(),
            report: None,
        };
        let verdict = Verdict::Ready { summary, strict: false };
        db.finish_upload(id, party, lease, digest(), &verdict).await.unwrap();
    }
    let run = NewRun {
        id: RunId::from_random(fresh()),
        threshold: Threshold::new(0.8).unwrap(),
        name: String::new(),
        notes: String::new(),
        seed: fresh(),
        limits: RunLimits { all: u32::MAX, at_work: u32::MAX },
    };
    db.create_run(id, &run).await.unwrap();
    id
}

fn plan(parts: u32) -> Outcome {
    let part = |i| PlannedPart {
        part: Part::Rows { party0: 0, party1: 1, rows0: (i, i + 1), rows1: (0, 100) },
        comparisons: 100,
    };
    Outcome::Planned(Plan { parts: (0..parts).map(part).collect(), key: fresh() })
}

/// Times a plan's completion and then claim, registration and completion of tasks by one worker; milliseconds per task.
async fn measure(name: &str, db: &dyn Db) -> f64 {
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    let project = run(db).await;
    let claim = async || {
        let lease = Lease(fresh());
        (db.claim("measure", &Queue::ALL, lease, TTL).await.unwrap().unwrap(), lease)
    };
    let (task, lease) = claim().await;
    let started = Instant::now();
    assert_eq!(db.complete(task.id, lease, &plan(TASKS)).await.unwrap(), Held::Yes);
    let planned = started.elapsed();
    let mut spent = [Duration::ZERO; 3];
    for _ in 0..DONE {
        let started = Instant::now();
        let (task, lease) = claim().await;
        let claimed = started.elapsed();
        let object = format!("{project}/{}", lease.hex());
        db.register_object(&object, project, lease, TTL).await.unwrap();
        let registered = started.elapsed();
        let outcome = Outcome::Compared {
            object,
            candidates: 1,
            scores: Default::default(),
            limit: 1_000_000,
            limit_name: "LIMIT",
        };
        assert_eq!(db.complete(task.id, lease, &outcome).await.unwrap(), Held::Yes);
        let all = [claimed, registered - claimed, started.elapsed() - registered];
        spent.iter_mut().zip(all).for_each(|(sum, one)| *sum += one);
    }
    let [claimed, registered, completed] = spent.map(|sum| sum.as_secs_f64() * 1e3 / f64::from(DONE));
    let sum = claimed + registered + completed;
    println!(
        "{name}: {sum:.3} ms per task (claim {claimed:.3}, register {registered:.3}, complete {completed:.3}); \
         {TASKS} tasks planned in {planned:.2?}"
    );
    sum
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // `cargo bench` passes --bench; `cargo test --benches`, which needs nothing but the toolchain, does not.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteDb::open(&folder.path().join("a.db"), Arc::new(SystemClock)).unwrap();
    let embedded = measure("SQLite", &sqlite).await;
    let cluster = Postgres::with(&PostgresOptions { durable: true, ..PostgresOptions::default() });
    cluster.create_database("measured");
    let settings = DatabaseSettings {
        servers: vec![("127.0.0.1".into(), cluster.port())],
        database: "measured".into(),
        user: cluster.user().into(),
        password: Some(Secret::new(cluster.password())),
        tls: DatabaseTls::Disable,
        ca_file: None,
        pool: 3,
    };
    let postgres = measure("PostgreSQL", &PostgresDb::connect(&settings).unwrap()).await;
    println!("PostgreSQL / SQLite: {:.2}; the bar on PostgreSQL is {BAR} ms per task", postgres / embedded);
}
