//! Databases of earlier versions.

use sha2::{Digest, Sha256};

use super::*;
use crate::db::conformance::tamper::Raw;
use crate::db::conformance::upgrading::{Before, everything_goes_on, newer_ones_are_let_be};

/// The migrations with the beginning of their texts' SHA-256: whoever has applied one has applied this.
const DIGESTS: [&str; MIGRATIONS.len()] = [
    "fcba692df232e432",
    "f2b318f0ca75d283",
    "384f801c08d7f070",
    "04f3e230f61a4c95",
    "bf5b602733f0e1e8",
    "b8f15375b79fb63a",
    "b00d39363f07238a",
];

#[test]
fn a_migration_stays_as_it_was() {
    let digest = |sql: &str| hex::encode(&Sha256::digest(sql)[..8]);
    let found: Vec<_> = PostgresDb::steps().into_iter().map(|(name, sql)| (name, digest(sql))).collect();
    let wanted = MIGRATIONS.into_iter().zip(DIGESTS).map(|(name, digest)| (name, digest.to_owned()));
    assert_eq!(found, wanted.collect::<Vec<_>>());
}

/// Writes to one database.
struct Writer<'a>(&'a Postgres, &'a str);

impl Raw for Writer<'_> {
    fn blob(&self, bytes: &[u8]) -> String {
        format!("'\\x{}'::bytea", hex::encode(bytes))
    }

    fn truth(&self, value: bool) -> &'static str {
        if value { "true" } else { "false" }
    }

    fn run(&self, sql: &str) {
        self.0.psql(self.1, sql);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn a_database_of_any_version_goes_on() {
    let cluster = Postgres::start();
    for version in 1..=MIGRATIONS.len() {
        let database = format!("version{version}");
        cluster.create_database(&database);
        let db = handle(&cluster, &database, 2);
        let (had, new) = MIGRATIONS.split_at(version);
        assert_eq!(db.migrate_to(version).await.unwrap(), had);
        // Its first version knew such tasks already.
        let before = Before::new(had).and("ingest");
        before.fill(&Writer(&cluster, &database));
        assert_eq!(db.migrate().await.unwrap(), new);
        let clock = PgClock { port: cluster.port(), database, ahead: AtomicI64::new(0) };
        everything_goes_on(&Bed { db: Arc::new(db), clock: Arc::new(clock) }, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "infra: needs PostgreSQL"]
async fn newer_processes_are_let_be() {
    let cluster = Postgres::start();
    let db = store(&cluster, "newer", 2).await;
    let clock = PgClock { port: cluster.port(), database: "newer".into(), ahead: AtomicI64::new(0) };
    let bed = Bed { db: Arc::new(db), clock: Arc::new(clock) };
    newer_ones_are_let_be(&bed, &Writer(&cluster, "newer")).await;
}
