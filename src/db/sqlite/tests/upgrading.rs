//! Files of earlier versions.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::*;
use crate::db::conformance::upgrading::{Before, everything_goes_on, newer_ones_are_let_be};

/// The migrations with the beginning of their texts' SHA-256: whoever has applied one has applied this.
const MIGRATIONS: [(&str, &str); 8] = [
    ("0001_tables", "4d644e2cbe5928f0"),
    ("0002_ingest", "05e1cc6925ac0538"),
    ("0003_monitor", "764b931ac2b5a981"),
    ("0004_reports", "e600a3c6c3b011af"),
    ("0005_audit", "fe2d17558cf9953f"),
    ("0006_expiry", "2a9e7a80f932421e"),
    ("0007_traces", "13771fdbe319aeb6"),
    ("0008_positions", "3e195265032a98e7"),
];

#[test]
fn a_migration_stays_as_it_was() {
    let digest = |sql: &str| hex::encode(&Sha256::digest(sql)[..8]);
    let found: Vec<_> = SqliteDb::steps().into_iter().map(|(name, sql)| (name, digest(sql))).collect();
    let wanted: Vec<_> = MIGRATIONS.map(|(name, digest)| (name, digest.to_owned())).into();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn a_file_of_any_version_goes_on() {
    for version in 1..=MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let (path, clock) = (folder.path().join("a.db"), Arc::new(TestClock::default()));
        let db = SqliteDb::open(&path, clock.clone()).unwrap();
        let names = MIGRATIONS.map(|(name, _)| name);
        let (had, new) = names.split_at(version);
        assert_eq!(db.migrate_to(version).await.unwrap(), had);
        let before = Before::new(had);
        before.fill(&Connection::open(&path).unwrap());
        assert_eq!(db.migrate().await.unwrap(), new);
        db.audit_with(AuditKey::derive(&[7; 32]));
        everything_goes_on(&Bed { db: Arc::new(db), clock }, &before).await;
        let raw = Connection::open(&path).unwrap();
        let told = raw.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(told, "ok");
        assert!(!raw.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    }
}

#[tokio::test]
async fn newer_processes_are_let_be() {
    let folder = tempfile::tempdir().unwrap();
    let (bed, raw) = super::tamper::store(folder.path()).await;
    newer_ones_are_let_be(&bed, &raw).await;
}
