//! Tampering with the trail in a PostgreSQL database.

use super::*;
use crate::db::conformance::tamper::{Raw, everything_shows};

struct Superuser<'a>(&'a Postgres);

impl Raw for Superuser<'_> {
    fn blob(&self, bytes: &[u8]) -> String {
        format!("'\\x{}'::bytea", hex::encode(bytes))
    }

    fn truth(&self, value: bool) -> &'static str {
        if value { "true" } else { "false" }
    }

    fn run(&self, sql: &str) {
        self.0.psql("tampered", sql);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn whatever_is_done_to_the_trail_shows() {
    let cluster = Postgres::start();
    let db = store(&cluster, "tampered", 3).await;
    let raw = Superuser(&cluster);
    for sql in [
        "UPDATE audit_rows SET outcome = 'ok'",
        "DELETE FROM audit_rows",
        "TRUNCATE audit_rows",
        "UPDATE audit_heads SET number = 1",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
    ] {
        // A trigger for each row needs a row.
        let one = "INSERT INTO audit_rows VALUES ('x', 1, 1, '', '', '', '', '', '', '', sha256(''), sha256(''), sha256(''));
                   INSERT INTO audit_heads VALUES ('x', 1, sha256(''), false, sha256(''))";
        let error = psql(cluster.port(), "tampered", &format!("BEGIN; {one}; {sql}; COMMIT")).unwrap_err();
        assert!(error.contains("audit trail"), "{sql}: {error}");
    }
    raw.run("ALTER TABLE audit_rows DISABLE TRIGGER USER; ALTER TABLE audit_heads DISABLE TRIGGER USER");
    let clock = PgClock { port: cluster.port(), database: "tampered".into(), ahead: AtomicI64::new(0) };
    everything_shows(Bed { db: Arc::new(db), clock: Arc::new(clock) }, &raw, 11).await;
}
