//! What the ledger costs per task, PostgreSQL against SQLite, both durable.

use std::time::Instant;

use super::hunt::{TTL, bytes, fresh, plan, project, run, upload};
use super::*;
use crate::config::system::SystemClock;
use crate::db::ledger::{Held, Outcome};
use crate::db::sqlite::SqliteDb;
use crate::db::{Db, Lease};
use crate::domain::Queue;
use crate::stack::PostgresOptions;

/// Tasks in the queue, and how many of them are done.
const TASKS: u32 = 10_000;
const DONE: u32 = 1_000;

/// Times a plan's completion and then claim, registration and completion of tasks by one worker; milliseconds per task.
async fn measure(name: &str, db: &dyn Db) -> f64 {
    let project = project(db).await;
    upload(db, project, 0).await;
    upload(db, project, 1).await;
    run(db, project, 0.8).await;
    let claim = async || {
        let lease = Lease(bytes(fresh()));
        (db.claim("measure", &Queue::ALL, lease, TTL).await.unwrap().unwrap(), lease)
    };
    let (task, lease) = claim().await;
    let started = Instant::now();
    db.complete(task.id, lease, &plan(TASKS)).await.unwrap();
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
    eprintln!(
        "{name}: {sum:.3} ms per task (claim {claimed:.3}, register {registered:.3}, complete {completed:.3}); \
         {TASKS} tasks planned in {planned:.2?}"
    );
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, on an idle machine"]
async fn the_ledger_costs_less_than_two_milliseconds_per_task() {
    let cluster = Postgres::with(&PostgresOptions { durable: true, ..PostgresOptions::default() });
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteDb::open(&folder.path().join("a.db"), Arc::new(SystemClock)).unwrap();
    sqlite.migrate().await.unwrap();
    sqlite.audit_with(AuditKey::derive(&[7; 32]));
    let embedded = measure("SQLite", &sqlite).await;
    let postgres = measure("PostgreSQL", &store(&cluster, "measured", 3).await).await;
    eprintln!("PostgreSQL / SQLite: {:.2}", postgres / embedded);
    assert!(postgres < 2.0, "{postgres} ms");
}
