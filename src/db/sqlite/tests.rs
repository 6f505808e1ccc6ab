//! The common suite on SQLite, and what only SQLite has.

use std::sync::Arc;

use super::SqliteDb;
use crate::db::conformance::{Bed, TestClock, suite};
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
        assert_eq!(db.migrate().await.unwrap(), ["0001_tables", "0002_ingest", "0003_monitor"]);
        Bed { db: Arc::new(db), clock }
    })
    .await;
}
