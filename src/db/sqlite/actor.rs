//! A thread that owns one SQLite connection; callers send it closures and await the answers.
//!
//! Waiting transactions of a writer are committed together: each runs in a savepoint of its own, so one that fails undoes
//! nothing but itself, and the disk is synced once for all of them. Answers go out after the commit.
//!
//! A body that panics is undone like one that fails, and its caller gets an error; the thread goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::db::{DbError, DbResult};

/// Transactions that share one commit at most.
const BATCH: usize = 64;

/// Where a body comes from, for the log: the name of its type, which has that of the function around it.
type Place = &'static str;

/// Sends an answer, given whether the commit succeeded.
type Reply = Box<dyn FnOnce(DbResult<()>) + Send>;

/// A transaction's body; tells whether to keep what it did.
type Write = Box<dyn FnOnce(&Transaction) -> (bool, Reply) + Send>;

/// What a caller wants done.
enum Job {
    /// Runs within a savepoint; the reply is sent after the commit.
    Write(Write),
    /// Runs within a read transaction and answers by itself.
    Read(Box<dyn FnOnce(&Transaction) + Send>),
    /// Gets the connection itself, outside of any transaction.
    Direct(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Handle of the thread; it ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Actor {
    jobs: mpsc::UnboundedSender<Job>,
}

fn gone() -> DbError {
    DbError::Unavailable("the database thread has ended".into())
}

impl Actor {
    /// Starts the thread.
    pub(super) fn start(name: &str, connection: Connection) -> DbResult<Self> {
        let (jobs, inbox) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(connection, inbox))
            .map_err(|e| DbError::Unavailable(e.into()))?;
        Ok(Self { jobs })
    }

    pub(super) async fn write<T, F>(&self, place: Place, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Write(Box::new(move |tx| {
            let result = caught(place, || body(tx));
            let keep = result.is_ok();
            let reply: Reply = Box::new(move |committed| {
                // The caller may have stopped waiting; the transaction stands all the same.
                let _ = answer.send(match committed {
                    Ok(()) => result,
                    Err(failure) => Err(result.err().unwrap_or(failure)),
                });
            });
            (keep, reply)
        }));
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    pub(super) async fn read<T, F>(&self, place: Place, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Read(Box::new(move |tx| {
            let _ = answer.send(caught(place, || body(tx)));
        }));
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    pub(super) async fn direct<T, F>(&self, place: Place, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Direct(Box::new(move |connection| {
            let _ = answer.send(caught(place, || body(connection)));
        }));
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// What a body gives; an error if it panics. What the body had borrowed of the connection (statements, rows) is given back when it
/// unwinds.
fn caught<T>(place: Place, body: impl FnOnce() -> DbResult<T>) -> DbResult<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        tracing::error!(place, panic = said(&*payload), "a transaction panicked; it is undone");
        Err(DbError::Panicked(place))
    })
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("(no text)")
}

fn work(mut connection: Connection, mut inbox: mpsc::UnboundedReceiver<Job>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while inbox.blocking_recv_many(&mut waiting, BATCH) > 0 {
        let mut writes = Vec::new();
        for job in waiting.drain(..) {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Read(read) => match connection.transaction() {
                    Ok(tx) => read(&tx),
                    // Dropping the closure drops its answer channel, which the caller sees as "out of reach".
                    Err(error) => tracing::error!(%error, "a read transaction could not start"),
                },
                Job::Direct(direct) => direct(&mut connection),
            }
        }
        if !writes.is_empty() {
            commit_together(&mut connection, writes);
        }
    }
}

fn commit_together(connection: &mut Connection, writes: Vec<Write>) {
    let mut replies = Vec::with_capacity(writes.len());
    let committed = (|| -> rusqlite::Result<()> {
        let mut tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in writes {
            let savepoint = SavepointGuard::new(&mut tx)?;
            let (keep, reply) = write(savepoint.transaction());
            replies.push(reply);
            savepoint.end(keep)?;
        }
        tx.commit()
    })();
    let failure = committed.err().map(DbError::from);
    for reply in replies {
        reply(match &failure {
            None => Ok(()),
            Some(DbError::Unwritable(why)) => Err(DbError::Unwritable(why.to_string().into())),
            Some(DbError::Unavailable(why) | DbError::Statement(why)) => {
                Err(DbError::Unavailable(why.to_string().into()))
            }
            Some(other) => Err(DbError::Unavailable(other.to_string().into())),
        });
    }
}

/// A savepoint within a transaction, by hand because rusqlite's own type hides the transaction's.
struct SavepointGuard<'t, 'c> {
    tx: &'t Transaction<'c>,
}

impl<'t, 'c> SavepointGuard<'t, 'c> {
    fn new(tx: &'t mut Transaction<'c>) -> rusqlite::Result<Self> {
        tx.execute_batch("SAVEPOINT one")?;
        Ok(Self { tx })
    }

    fn transaction(&self) -> &Transaction<'c> {
        self.tx
    }

    fn end(self, keep: bool) -> rusqlite::Result<()> {
        self.tx.execute_batch(if keep { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor() -> Actor {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER UNIQUE)").unwrap();
        Actor::start("test", connection).unwrap()
    }

    fn insert(x: i64) -> impl FnOnce(&Transaction) -> DbResult<i64> + Send {
        move |tx| {
            tx.execute("INSERT INTO t VALUES (?1)", [x])?;
            Ok(x)
        }
    }

    async fn number(actor: &Actor, sql: &'static str) -> i64 {
        actor.read("number", move |tx| Ok(tx.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
    }

    #[tokio::test]
    async fn one_failure_in_a_batch_undoes_only_itself() {
        let actor = actor();
        let calls = [1, 2, 2, 3].map(|x| actor.write("insert", insert(x)));
        let results = futures::future::join_all(calls).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
        assert_eq!(number(&actor, "SELECT sum(x) FROM t").await, 6);
    }

    #[tokio::test]
    async fn an_error_rolls_its_own_statements_back() {
        let actor = actor();
        let failed = actor.write("failing", |tx| {
            tx.execute("INSERT INTO t VALUES (7)", [])?;
            Err::<(), _>(DbError::Corrupt("on purpose".into()))
        });
        assert!(matches!(failed.await, Err(DbError::Corrupt(_))));
        assert_eq!(number(&actor, "SELECT count(*) FROM t").await, 0);
    }

    #[tokio::test]
    async fn a_body_that_panics_is_undone_and_others_go_on() {
        let actor = actor();
        let panicking = actor.write("panicking", |tx| -> DbResult<()> {
            let mut inserting = tx.prepare_cached("INSERT INTO t VALUES (?1) RETURNING x")?;
            let mut rows = inserting.query([7])?;
            let number: i64 = rows.next()?.expect("a row").get(0)?;
            panic!("on purpose, in the middle of a statement: {number}")
        });
        // Sent at once, so that they share a commit if the thread is slow enough.
        let (before, panicked, after) =
            tokio::join!(actor.write("before", insert(1)), panicking, actor.write("after", insert(2)));
        assert_eq!((before.unwrap(), after.unwrap()), (1, 2));
        assert!(matches!(panicked, Err(DbError::Panicked("panicking"))), "{panicked:?}");

        let reading = actor.read("reading", |tx| -> DbResult<()> {
            let mut numbers = tx.prepare_cached("SELECT x FROM t")?;
            let mut rows = numbers.query([])?;
            panic!("{}", rows.next()?.is_some())
        });
        assert!(matches!(reading.await, Err(DbError::Panicked("reading"))));
        let direct = actor.direct("direct", |connection| -> DbResult<()> {
            let tx = connection.transaction()?;
            tx.execute("INSERT INTO t VALUES (8)", [])?;
            panic!("before the commit")
        });
        assert!(matches!(direct.await, Err(DbError::Panicked("direct"))));

        assert_eq!(actor.write("later", insert(3)).await.unwrap(), 3);
        assert_eq!(number(&actor, "SELECT sum(x) FROM t").await, 1 + 2 + 3);
    }
}
