//! The common suite on SQLite, and what only SQLite has.

mod tamper;
mod upgrading;

use std::sync::Arc;

use super::SqliteDb;
use crate::codec::audit::AuditKey;
use crate::db::audit::Audit;
use crate::db::conformance::{Bed, TestClock, model, suite};
use crate::db::schema::Schema;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let counter = std::cell::Cell::new(0);
    suite(async || {
        counter.set(counter.get() + 1);
        let clock = Arc::new(TestClock::default());
        let db = SqliteDb::open(&folder.path().join(format!("{}.db", counter.get())), clock.clone()).unwrap();
        assert!(!db.schema_status().await.unwrap().fits(), "an empty store is not ready");
        assert_eq!(
            db.migrate().await.unwrap(),
            [
                "0001_tables",
                "0002_ingest",
                "0003_monitor",
                "0004_reports",
                "0005_audit",
                "0006_expiry",
                "0007_traces",
                "0008_positions"
            ]
        );
        db.audit_with(AuditKey::derive(&[7; 32]));
        Bed { db: Arc::new(db), clock }
    })
    .await;
}

/// A store in memory-backed files where there are such: a walk makes many transactions, and what syncs promise is not its subject.
async fn walk(seed: u64, steps: u64) {
    let shared = std::path::Path::new("/dev/shm");
    let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
    let clock = Arc::new(TestClock::default());
    let db = SqliteDb::open(&folder.path().join("model.db"), clock.clone()).unwrap();
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    println!("seed {seed}, {steps} steps");
    let bed = Bed { db: Arc::new(db), clock };
    let counts = model::walk(&bed, seed, steps).await;
    crate::db::conformance::audit::is_good(&*bed.db).await;
    println!("seed {seed}: {counts:?}");
    model::is_telling(&counts);
}

#[test]
fn the_ledger_does_what_its_model_does() {
    model::walks((1, 20_000), (7919, 100_000), walk);
}
