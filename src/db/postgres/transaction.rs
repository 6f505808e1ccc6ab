//! Statements and transactions.
//!
//! Nothing is prepared by name and nothing is set for the session: a pooler may give every transaction another connection.
//! Transactions are READ COMMITTED; what must not change under them they lock. The order of locks, which keeps them from
//! waiting for each other in a circle, is
//!
//! 1. the project, by an advisory lock ([`Tx::lock_project`]), exclusive for all that changes a project's structure, shared for
//!    the completion of a compare task;
//! 2. a task's or party's row, which its lease proves the right to;
//! 3. a comparison's row, then runs' rows;
//! 4. objects;
//! 5. chains of the audit trail, the projects' before the server's.
//!
//! Commits are synced to the disk, except those that a worker makes between two promises to somebody else: claims, renewals,
//! registrations of objects, and completions of compare tasks (`synchronous_commit = off`). The log keeps its order, so that a crash of
//! the server undoes at most the last moments of these, and what was undone is done again when its lease has run out; the
//! completion of a comparison's last task and the end of a run are synced, and with them all that came before.
//!
//! Whoever takes no project lock (claims, renewals, the start and the failure of an upload, hand-backs, the sweeper) touches only a
//! task or party and then its lease's objects, or skips what is locked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use futures::future::join;
use tokio_postgres::Row;

use super::PostgresDb;
use super::audit;
use super::error::{Failure, FailureKind, kind_of};
use super::pool::{checkout, forget_idle};
use super::rows::{Param, get, params};
use crate::db::audit::KeyPlace;
use crate::db::{DbError, DbResult};
use crate::domain::audit::Event;
use crate::telemetry::Operation;

/// Name of the database system in traces.
const SYSTEM: &str = "postgresql";

/// The server gives a statement of a transaction up after this, and also a transaction whose client has fallen silent: a frozen
/// worker must not hold its locks for ever.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a transaction is like.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// How long a statement may take.
    pub patience: Duration,
    /// Whether the commit is synced to the disk before it is answered.
    pub synced: bool,
}

impl Mode {
    /// Something that is promised to somebody.
    pub(super) const USUAL: Self = Self { patience: PATIENCE, synced: true };
    /// Something that is done again if it is lost.
    pub(super) const REPEATABLE: Self = Self { patience: PATIENCE, synced: false };

    fn begin(self) -> String {
        let millis = self.patience.as_millis();
        let sync = if self.synced { "" } else { "; SET LOCAL synchronous_commit = off" };
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {millis}; \
             SET LOCAL idle_in_transaction_session_timeout = {millis}{sync}"
        )
    }
}
/// The client waits so much longer, and then gives up the connection too.
const GRACE: Duration = Duration::from_secs(2);
/// How often a transaction is tried in all when others are in its way.
const TRIES: u32 = 6;

/// Waits for the server's answer.
async fn answer<T>(
    patience: Duration,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(patience + GRACE, statement).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::timeout()),
    }
}

/// A transaction under way. If it is dropped before its end its connection is closed, and the server undoes it.
#[derive(Clone)]
pub(super) struct Tx(Arc<Inner>);

struct Inner {
    /// Empty only while it is dropped.
    client: Option<Object>,
    /// Whether BEGIN has been sent: it goes together with the first statement.
    begun: AtomicBool,
    /// Whether the connection may go back to the pool.
    clean: AtomicBool,
    mode: Mode,
    audit_key: KeyPlace,
    /// What is to be recorded with the commit.
    noted: Mutex<Vec<Event>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(client) = self.client.take().filter(|_| !self.clean.load(Ordering::Relaxed)) {
            drop(Object::take(client));
        }
    }
}

impl Tx {
    fn new(client: Object, mode: Mode, audit_key: KeyPlace) -> Self {
        Self(Arc::new(Inner {
            client: Some(client),
            begun: AtomicBool::new(false),
            clean: AtomicBool::new(true),
            mode,
            audit_key,
            noted: Mutex::default(),
        }))
    }

    /// Where the key of the audit trail is.
    pub(super) fn audit_key(&self) -> &KeyPlace {
        &self.0.audit_key
    }

    fn client(&self) -> DbResult<&Object> {
        self.0.client.as_ref().ok_or_else(|| DbError::Corrupt("a transaction after its end".into()))
    }

    /// All rows of a statement.
    pub(super) async fn query(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Vec<Row>> {
        let client = self.client()?;
        let statement = client.query_typed(sql, params);
        if self.0.begun.swap(true, Ordering::Relaxed) {
            return Ok(answer(self.0.mode.patience, statement).await?);
        }
        self.0.clean.store(false, Ordering::Relaxed);
        let begin = self.0.mode.begin();
        // Both are sent before either answer is awaited: one round trip. If BEGIN fails then the connection does.
        let both = async { Ok(join(client.batch_execute(&begin), statement).await) };
        let (begun, rows) = answer(self.0.mode.patience, both).await?;
        begun.map_err(Failure::from)?;
        Ok(rows.map_err(Failure::from)?)
    }

    /// The first row of a statement, if there is one.
    pub(super) async fn first(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// A statement for its effect.
    pub(super) async fn run(&self, sql: &str, params: &[Param<'_>]) -> DbResult<()> {
        self.query(sql, params).await.map(drop)
    }

    /// Several statements without parameters; not the transaction's first.
    pub(super) async fn script(&self, sql: &str) -> DbResult<()> {
        Ok(answer(self.0.mode.patience, self.client()?.batch_execute(sql)).await?)
    }

    /// Holds a project against all others that do, until the end; returns the time since which.
    pub(super) async fn lock_project(&self, project: &str) -> DbResult<i64> {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), now_micros() AS now";
        let row = self.first(sql, params![project]).await?;
        row.map(|row| get(&row, "now")).unwrap_or_else(|| Err(DbError::Corrupt("no time".into())))
    }

    /// Has an event recorded in the audit trail if the transaction is committed, and not if it isn't.
    pub(super) fn note(&self, event: Event) {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn noted(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes back all that has been done.
    pub(super) async fn undo(&self) -> DbResult<()> {
        self.noted();
        self.end("ROLLBACK").await
    }

    async fn end(&self, how: &str) -> DbResult<()> {
        if self.0.begun.load(Ordering::Relaxed) {
            answer(self.0.mode.patience, self.client()?.batch_execute(how)).await?;
            self.0.begun.store(false, Ordering::Relaxed);
            self.0.clean.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl PostgresDb {
    /// Runs a transaction: all of it happens, or nothing. `body` may be run several times: when the server has undone it for
    /// another's sake, and once more when the connection turned out to be dead before the commit was sent.
    pub(super) async fn transaction<T, F, Fut>(&self, name: &'static str, body: F) -> DbResult<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = DbResult<T>>,
    {
        self.transaction_as(name, Mode::USUAL, body).await
    }

    /// As [`Self::transaction`], in another mode.
    pub(super) async fn transaction_as<T, F, Fut>(
        &self,
        name: &'static str,
        mode: Mode,
        body: F,
    ) -> DbResult<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = DbResult<T>>,
    {
        let operation = Operation::database(SYSTEM, name);
        operation.ended(self.tries(name, mode, body).await)
    }

    /// Runs a transaction, as often as it takes.
    async fn tries<T, F, Fut>(&self, name: &'static str, mode: Mode, body: F) -> DbResult<T>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = DbResult<T>>,
    {
        let mut reconnected = false;
        for attempt in 1.. {
            let tx = Tx::new(checkout(&self.pool).await?, mode, self.audit_key.clone());
            let mut committing = false;
            let done = match body(tx.clone()).await {
                Ok(value) => audit::append(&tx, &tx.noted()).await.map(|()| value),
                Err(error) => Err(error),
            };
            let result = match done {
                Ok(value) => {
                    committing = true;
                    tx.end("COMMIT").await.map(|()| value)
                }
                Err(error) => Err(error),
            };
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let again = match kind_of(&error) {
                Some(FailureKind::Conflict) => attempt < TRIES,
                Some(FailureKind::Lost) => !committing && !std::mem::replace(&mut reconnected, true),
                _ => false,
            };
            if !committing && kind_of(&error) != Some(FailureKind::Lost) {
                // If even this fails then the connection is closed, with the same effect.
                let _ = tx.end("ROLLBACK").await;
            }
            drop(tx);
            if !again {
                return Err(error);
            }
            if kind_of(&error) == Some(FailureKind::Lost) {
                forget_idle(&self.pool);
            }
            tracing::debug!(transaction = name, attempt, %error, "once more");
            tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt))).await;
        }
        Err(DbError::Unavailable("a transaction found no end".into()))
    }

    /// Runs one statement by itself, which is a transaction too.
    pub(super) async fn query(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Vec<Row>> {
        let operation = Operation::database(SYSTEM, "statement");
        operation.ended(self.once(sql, params).await)
    }

    async fn once(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Vec<Row>> {
        let client = checkout(&self.pool).await?;
        match answer(PATIENCE, client.query_typed(sql, params)).await {
            Ok(rows) => Ok(rows),
            Err(failure) => {
                if failure.kind == FailureKind::Lost {
                    drop(Object::take(client));
                }
                Err(failure.into())
            }
        }
    }

    /// Runs one statement that may as well be run twice (it only reads, or sets what it sets): once more if the connection
    /// turned out to be dead.
    pub(super) async fn again(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Vec<Row>> {
        match self.query(sql, params).await {
            Err(error) if kind_of(&error) == Some(FailureKind::Lost) => {
                forget_idle(&self.pool);
                self.query(sql, params).await
            }
            other => other,
        }
    }

    /// As [`Self::again`]: the first row, if there is one.
    pub(super) async fn first(&self, sql: &str, params: &[Param<'_>]) -> DbResult<Option<Row>> {
        Ok(self.again(sql, params).await?.into_iter().next())
    }
}
