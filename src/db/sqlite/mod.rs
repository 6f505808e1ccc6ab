//! The embedded metadata store: one SQLite file in WAL mode.
//!
//! Commits are synced to the disk (`synchronous=FULL`): what has been answered survives a kill and a power cut. Several
//! processes may use the file at once (`anonlink work` beside `anonlink serve`); SQLite's own locks keep them in order.

mod actor;
mod audit;
mod ledger;
mod monitor;
mod objects;
mod projects;
mod rows;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod transitions;
mod uploads;

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tracing::Span;

use super::audit::KeyPlace;
use super::{DbError, DbResult};
use crate::domain::Clock;
use crate::telemetry::Operation;
use actor::Actor;

/// Name of the database system in traces.
const SYSTEM: &str = "sqlite";

/// Longest wait for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that read.
const READERS: usize = 3;

/// A metadata store in a SQLite file; cheap to clone.
#[derive(Clone)]
pub struct SqliteDb {
    writer: Actor,
    /// Take turns, so that a long query holds up some others and not all.
    readers: Arc<[Actor]>,
    turn: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
    audit_key: KeyPlace,
    /// Whether the write-ahead log may hold pages with rows that were deleted since.
    stained: Arc<AtomicBool>,
}

impl SqliteDb {
    /// Opens the file, which is made if it is missing; [`super::schema::Schema::migrate`] makes the tables.
    ///
    /// # Errors
    /// The file can't be opened or is no SQLite database.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> DbResult<Self> {
        let path: PathBuf = path.to_owned();
        let audit_key = KeyPlace::default();
        let writing = connect(&path)?;
        audit::enable(&writing, audit_key.clone())?;
        Ok(Self {
            writer: Actor::start("sqlite-writer", writing)?,
            readers: (0..READERS)
                .map(|_| Actor::start("sqlite-reader", connect(&path)?))
                .collect::<DbResult<_>>()?,
            turn: Arc::default(),
            clock,
            audit_key,
            // A predecessor may have been killed.
            stained: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Runs a writing transaction: all of it happens, or nothing.
    async fn write<T, F>(&self, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction, i64) -> DbResult<T> + Send + 'static,
    {
        // The transaction belongs to whoever asked for it, on the writer's thread too: tasks that it enqueues go on with the trace.
        let (now, asker) = (self.clock.now().0, Span::current());
        let operation = Operation::database(SYSTEM, "write");
        let place = type_name::<F>();
        operation.ended(self.writer.write(place, move |tx| asker.in_scope(|| body(tx, now))).await)
    }

    /// Runs queries on one consistent snapshot.
    async fn read<T, F>(&self, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction) -> DbResult<T> + Send + 'static,
    {
        let operation = Operation::database(SYSTEM, "read");
        let reader = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        operation.ended(self.readers[reader].read(type_name::<F>(), body).await)
    }

    /// Empties the write-ahead log if rows were deleted: the database's own pages are overwritten, but the log holds older ones
    /// until it is used again. Waits for nobody: what another process is reading keeps the log as it is until the next call.
    async fn empty_log(&self) -> DbResult<()> {
        if !self.stained.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let emptied = self
            .writer
            .direct("empty_log", |connection| {
                connection.busy_timeout(Duration::ZERO)?;
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                let busy = connection.query_row(sql, [], |row| row.get::<_, bool>(0));
                connection.busy_timeout(PATIENCE)?;
                Ok(!busy?)
            })
            .await;
        if !matches!(emptied, Ok(true)) {
            self.stained.store(true, Ordering::Release);
        }
        match emptied {
            Err(error) if !error.is_transient() => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes back what a process that is known to be dead has held: its uploads, and its tasks (each counts as an expired
    /// lease, so that a task that kills its process does not do so for ever). Returns how many tasks.
    ///
    /// # Errors
    /// The file can't be written.
    pub async fn recover(&self, worker: &str) -> DbResult<u64> {
        let worker = worker.to_owned();
        self.write(move |tx, now| {
            uploads::release_all(tx, now)?;
            ledger::expire_worker(tx, &worker, now)
        })
        .await
    }
}

fn connect(path: &Path) -> DbResult<Connection> {
    let connection = Connection::open(path).map_err(|e| DbError::Unavailable(e.into()))?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted rows (tokens, seeds of permutations) are overwritten, not just unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, ReadOnly,
            SystemIoFailure,
        };
        match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                DatabaseBusy | DatabaseLocked | SystemIoFailure | CannotOpen | FileLockingProtocolFailed => {
                    Self::Unavailable(error.into())
                }
                DiskFull | ReadOnly => Self::Unwritable(error.into()),
                _ => Self::Statement(error.into()),
            },
            rusqlite::Error::FromSqlConversionFailure(..) => Self::Corrupt(error.to_string()),
            _ => Self::Statement(error.into()),
        }
    }
}
