//! The common suite on PostgreSQL, and what only PostgreSQL has.

mod hunt;
mod outages;
mod tamper;
mod tls;
mod upgrading;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::PostgresDb;
use crate::codec::audit::AuditKey;
use crate::config::{DatabaseSettings, DatabaseTls};
use crate::db::audit::Audit;
use crate::db::conformance::{Advance, Bed, suite};
use crate::db::schema::Schema;
use crate::stack::{Postgres, psql};

/// All migrations, in order.
const MIGRATIONS: [&str; 7] = [
    "0001_tables",
    "0002_monitor",
    "0003_reports",
    "0004_audit",
    "0005_expiry",
    "0006_traces",
    "0007_positions",
];

/// Settings for a database of a cluster.
fn settings(cluster: &Postgres, database: &str, pool: usize) -> DatabaseSettings {
    DatabaseSettings {
        servers: vec![("127.0.0.1".into(), cluster.port())],
        database: database.into(),
        user: cluster.user().into(),
        password: Some(crate::config::Secret::new(cluster.password())),
        tls: DatabaseTls::Disable,
        ca_file: None,
        pool,
    }
}

/// A store in a database that is there, with the key of the audit trail.
fn handle(cluster: &Postgres, database: &str, pool: usize) -> PostgresDb {
    let db = PostgresDb::connect(&settings(cluster, database, pool)).unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    db
}

/// A migrated store in a fresh database.
async fn store(cluster: &Postgres, database: &str, pool: usize) -> PostgresDb {
    cluster.create_database(database);
    let db = handle(cluster, database, pool);
    db.migrate().await.unwrap();
    db
}

/// Moves one database's idea of the time.
struct PgClock {
    port: u16,
    database: String,
    ahead: AtomicI64,
}

impl Advance for PgClock {
    fn shift(&self, micros: i64) {
        let ahead = self.ahead.fetch_add(micros, Ordering::SeqCst) + micros;
        let sql = format!(
            "CREATE OR REPLACE FUNCTION now_micros() RETURNS bigint LANGUAGE sql VOLATILE
             AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + {ahead} $$"
        );
        psql(self.port, &self.database, &sql).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn conforms() {
    let cluster = Postgres::start();
    let counter = std::cell::Cell::new(0);
    suite(async || {
        counter.set(counter.get() + 1);
        let database = format!("bed{}", counter.get());
        cluster.create_database(&database);
        let db = handle(&cluster, &database, 5);
        let status = db.schema_status().await.unwrap();
        assert!(!status.fits() && status.version == 0, "an empty store is not ready");
        assert_eq!(db.migrate().await.unwrap(), MIGRATIONS);
        let clock = PgClock { port: cluster.port(), database, ahead: AtomicI64::new(0) };
        Bed { db: Arc::new(db), clock: Arc::new(clock) }
    })
    .await;
    let log = cluster.log();
    assert!(!log.contains("deadlock"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn migrators_at_once_apply_each_step_once() {
    let cluster = Postgres::start();
    cluster.create_database("shared");
    let migrations = (0..4).map(|_| {
        let db = PostgresDb::connect(&settings(&cluster, "shared", 2)).unwrap();
        tokio::spawn(async move { db.migrate().await.unwrap() })
    });
    let applied = futures::future::join_all(migrations.collect::<Vec<_>>()).await;
    let mut applied: Vec<String> = applied.into_iter().flat_map(Result::unwrap).collect();
    // One may have taken the first steps and another the rest.
    applied.sort();
    assert_eq!(applied, MIGRATIONS);
    // Another schema of the same database is another store.
    cluster.psql("shared", "CREATE SCHEMA other; ALTER ROLE anonlink SET search_path = other");
    let db = PostgresDb::connect(&settings(&cluster, "shared", 2)).unwrap();
    assert_eq!(db.schema_status().await.unwrap().version, 0);
    assert_eq!(db.migrate().await.unwrap(), MIGRATIONS);
    assert!(db.schema_status().await.unwrap().fits());
}
