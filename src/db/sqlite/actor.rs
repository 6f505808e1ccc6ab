//! A thread that owns one SQLite connection; callers send it closures and await the answers.
//!
//! Waiting transactions of a writer are committed together: each runs in a savepoint of its own, so one that fails undoes
//! nothing but itself, and the disk is synced once for all of them. Answers go out after the commit.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::db::{DbError, DbResult};

/// Transactions that share one commit at most.
const BATCH: usize = 64;

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

    pub(super) async fn write<T, F>(&self, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Write(Box::new(move |tx| {
            let result = body(tx);
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

    pub(super) async fn read<T, F>(&self, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Read(Box::new(move |tx| {
            let _ = answer.send(body(tx));
        }));
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    pub(super) async fn direct<T, F>(&self, body: F) -> DbResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> DbResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::Direct(Box::new(move |connection| {
            let _ = answer.send(body(connection));
        }));
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
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

    #[tokio::test]
    async fn one_failure_in_a_batch_undoes_only_itself() {
        let actor = actor();
        let calls = [1, 2, 2, 3].map(|x| actor.write(insert(x)));
        let results = futures::future::join_all(calls).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
        let sum =
            actor.read(|tx| Ok(tx.query_row("SELECT sum(x) FROM t", [], |r| r.get::<_, i64>(0))?)).await;
        assert_eq!(sum.unwrap(), 6);
    }

    #[tokio::test]
    async fn an_error_rolls_its_own_statements_back() {
        let actor = actor();
        let failed = actor.write(|tx| {
            tx.execute("INSERT INTO t VALUES (7)", [])?;
            Err::<(), _>(DbError::Corrupt("on purpose".into()))
        });
        assert!(matches!(failed.await, Err(DbError::Corrupt(_))));
        let count =
            actor.read(|tx| Ok(tx.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0))?)).await;
        assert_eq!(count.unwrap(), 0);
    }
}
