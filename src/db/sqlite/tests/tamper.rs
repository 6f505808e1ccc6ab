//! Tampering with the trail in a SQLite file.

use rusqlite::Connection;

use super::*;
use crate::codec::audit::SERVER_CHAIN;
use crate::db::conformance::audit::rows;
use crate::db::conformance::tamper::{Raw, everything_shows};

impl Raw for Connection {
    fn blob(&self, bytes: &[u8]) -> String {
        format!("X'{}'", hex::encode(bytes))
    }

    fn truth(&self, value: bool) -> &'static str {
        if value { "1" } else { "0" }
    }

    fn run(&self, sql: &str) {
        self.execute_batch(sql).unwrap();
    }
}

pub(super) async fn store(folder: &std::path::Path) -> (Bed, Connection) {
    let (path, clock) = (folder.join("a.db"), Arc::new(TestClock::default()));
    let db = SqliteDb::open(&path, clock.clone()).unwrap();
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    let raw = Connection::open(&path).unwrap();
    raw.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    (Bed { db: Arc::new(db), clock }, raw)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_to_the_trail_shows() {
    let folder = tempfile::tempdir().unwrap();
    let (bed, raw) = store(folder.path()).await;
    raw.execute_batch(
        "PRAGMA synchronous = OFF; DROP TRIGGER audit_rows_follow; DROP TRIGGER audit_rows_stay;
         DROP TRIGGER audit_rows_remain; DROP TRIGGER audit_heads_advance; DROP TRIGGER audit_heads_remain",
    )
    .unwrap();
    everything_shows(bed, &raw, 1).await;
}

#[tokio::test]
async fn the_tables_only_take_rows_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (bed, raw) = store(folder.path()).await;
    let refused = crate::domain::audit::Refusal {
        project: None,
        actor: crate::domain::audit::Actor::ANYONE,
        route: "GET /x".into(),
        reason: "no token",
    };
    bed.db.record_refusals(vec![(refused.clone(), 1), (refused, 2)]).await.unwrap();
    for sql in [
        "UPDATE audit_rows SET outcome = 'ok'",
        "DELETE FROM audit_rows",
        "INSERT OR REPLACE INTO audit_rows SELECT * FROM audit_rows WHERE number = 1",
        "INSERT INTO audit_rows SELECT chain, 7, time, actor, token, action, project, run, outcome, details, previous, hash, mac
         FROM audit_rows WHERE number = 1",
        "UPDATE audit_heads SET number = 1",
        "UPDATE audit_heads SET chain = 'x', number = 9",
        "DELETE FROM audit_heads",
    ] {
        let error = raw.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("audit trail"), "{sql}: {error}");
    }
    assert_eq!(rows(&*bed.db, SERVER_CHAIN).await.len(), 2);
}
