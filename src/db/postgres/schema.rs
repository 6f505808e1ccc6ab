//! The migrations.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresDb;
use super::rows::{get, params};
use super::transaction::{Mode, Tx};
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
    Migration { name: "0002_monitor", sql: include_str!("migrations/0002_monitor.sql"), min_binary: 1 },
    Migration { name: "0003_reports", sql: include_str!("migrations/0003_reports.sql"), min_binary: 1 },
    Migration { name: "0004_audit", sql: include_str!("migrations/0004_audit.sql"), min_binary: 1 },
    Migration { name: "0005_expiry", sql: include_str!("migrations/0005_expiry.sql"), min_binary: 1 },
    Migration { name: "0006_traces", sql: include_str!("migrations/0006_traces.sql"), min_binary: 1 },
    Migration { name: "0007_positions", sql: include_str!("migrations/0007_positions.sql"), min_binary: 7 },
];

/// The version that this binary was built for.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// How long a statement of a migration may take.
const PATIENCE: Duration = Duration::from_secs(3600);

const EXISTS: &str = "
    SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version') AS found";
const READ: &str = "SELECT version, min_binary FROM schema_version";
/// Held by the one process that migrates this schema at a time.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('anonlink migrate ' || current_schema(), 0))";

/// Applies one step, unless it has been applied.
async fn apply(tx: &Tx, version: i64, step: &Migration) -> DbResult<bool> {
    tx.run(LOCK, &[]).await?;
    let exists = tx.first(EXISTS, &[]).await?.map_or(Ok(false), |row| get(&row, "found"))?;
    if exists {
        let found = tx.first(READ, &[]).await?.map_or(Ok(0), |row| get::<i64>(&row, "version"))?;
        if found >= version {
            return Ok(false);
        }
    } else {
        tx.script(
            "CREATE TABLE schema_version (
                 one bigint PRIMARY KEY CHECK (one = 1), version bigint NOT NULL, min_binary bigint NOT NULL)",
        )
        .await?;
    }
    tx.script(step.sql).await?;
    let sql = "INSERT INTO schema_version VALUES (1, $1, $2)
               ON CONFLICT (one) DO UPDATE SET version = excluded.version, min_binary = excluded.min_binary";
    tx.run(sql, params![version, step.min_binary]).await?;
    Ok(true)
}

#[async_trait]
impl Schema for PostgresDb {
    async fn schema_status(&self) -> DbResult<SchemaStatus> {
        let exists = self.first(EXISTS, &[]).await?.map_or(Ok(false), |row| get(&row, "found"))?;
        let found = if exists { self.first(READ, &[]).await? } else { None };
        let (version, min_binary) = match found {
            Some(row) => (get(&row, "version")?, get(&row, "min_binary")?),
            None => (0, 0),
        };
        Ok(SchemaStatus { version, min_binary, known: KNOWN })
    }

    async fn migrate(&self) -> DbResult<Vec<String>> {
        self.migrate_by(MIGRATIONS).await
    }
}

impl PostgresDb {
    async fn migrate_by(&self, steps: &'static [Migration]) -> DbResult<Vec<String>> {
        let mode = Mode { patience: PATIENCE, ..Mode::USUAL };
        let mut applied = Vec::new();
        for (version, step) in (1..).zip(steps) {
            let done = self
                .transaction_as("migrate", mode, |tx| async move { apply(&tx, version, step).await })
                .await?;
            if done {
                applied.push(step.name.to_owned());
            }
        }
        Ok(applied)
    }
}

/// For tests: stores as earlier versions left them.
#[cfg(test)]
impl PostgresDb {
    /// Names and texts of all steps.
    pub(super) fn steps() -> Vec<(&'static str, &'static str)> {
        MIGRATIONS.iter().map(|step| (step.name, step.sql)).collect()
    }

    /// Applies the first steps alone.
    pub(super) async fn migrate_to(&self, version: usize) -> DbResult<Vec<String>> {
        self.migrate_by(&MIGRATIONS[..version]).await
    }
}
