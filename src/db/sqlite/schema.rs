//! The embedded store's migrations.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::SqliteDb;
use super::rows::value;
use crate::db::DbResult;
use crate::db::schema::{Schema, SchemaStatus};

/// One step of the schema.
struct Migration {
    name: &'static str,
    sql: &'static str,
    /// The lowest version that a binary must know once this step is done.
    min_binary: i64,
}

/// In order; the version is the number of steps applied.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_tables", sql: include_str!("migrations/0001_tables.sql"), min_binary: 1 },
    Migration { name: "0002_ingest", sql: include_str!("migrations/0002_ingest.sql"), min_binary: 1 },
    Migration { name: "0003_monitor", sql: include_str!("migrations/0003_monitor.sql"), min_binary: 1 },
    Migration { name: "0004_reports", sql: include_str!("migrations/0004_reports.sql"), min_binary: 1 },
    Migration { name: "0005_audit", sql: include_str!("migrations/0005_audit.sql"), min_binary: 1 },
    Migration { name: "0006_expiry", sql: include_str!("migrations/0006_expiry.sql"), min_binary: 1 },
    Migration { name: "0007_traces", sql: include_str!("migrations/0007_traces.sql"), min_binary: 1 },
    Migration { name: "0008_positions", sql: include_str!("migrations/0008_positions.sql"), min_binary: 8 },
];

/// The version that this binary was built for.
const KNOWN: i64 = MIGRATIONS.len() as i64;

fn status(connection: &Connection) -> DbResult<SchemaStatus> {
    let exists: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version')",
        [],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(SchemaStatus { version: 0, min_binary: 0, known: KNOWN });
    }
    let found = connection
        .query_row("SELECT version, min_binary FROM schema_version", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (version, min_binary) = found.unwrap_or((0, 0));
    Ok(SchemaStatus { version, min_binary, known: KNOWN })
}

/// Whether the tables still allow a binary of this version.
pub(super) fn welcomes(connection: &Connection) -> DbResult<bool> {
    let least = value::<i64>(connection, "SELECT min_binary FROM schema_version", [])?;
    Ok(least.is_some_and(|least| KNOWN >= least))
}

fn migrate(connection: &mut Connection, steps: &[Migration]) -> DbResult<Vec<String>> {
    let mut applied = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        // The write lock is held from the look at the version to the commit: two processes can't apply the same step.
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if status(&tx)?.version > index as i64 {
            continue;
        }
        tx.execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_version (
                only INTEGER PRIMARY KEY CHECK (only = 1), version INTEGER NOT NULL, min_binary INTEGER NOT NULL
             ) STRICT",
        )?;
        tx.execute_batch(step.sql)?;
        tx.execute(
            "INSERT INTO schema_version VALUES (1, ?1, ?2)
             ON CONFLICT (only) DO UPDATE SET version = excluded.version, min_binary = excluded.min_binary",
            [index as i64 + 1, step.min_binary],
        )?;
        tx.commit()?;
        applied.push(step.name.to_owned());
    }
    Ok(applied)
}

#[async_trait]
impl Schema for SqliteDb {
    async fn schema_status(&self) -> DbResult<SchemaStatus> {
        self.readers[0].direct("status", |connection| status(connection)).await
    }

    async fn migrate(&self) -> DbResult<Vec<String>> {
        self.writer.direct("migrate", |connection| migrate(connection, MIGRATIONS)).await
    }
}

/// For tests: stores as earlier versions left them.
#[cfg(test)]
impl SqliteDb {
    /// Names and texts of all steps.
    pub(super) fn steps() -> Vec<(&'static str, &'static str)> {
        MIGRATIONS.iter().map(|step| (step.name, step.sql)).collect()
    }

    /// Applies the first steps alone.
    pub(super) async fn migrate_to(&self, version: usize) -> DbResult<Vec<String>> {
        self.writer.direct("migrate", move |connection| migrate(connection, &MIGRATIONS[..version])).await
    }
}
