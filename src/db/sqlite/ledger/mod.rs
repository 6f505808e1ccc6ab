//! The task ledger in SQLite: [`claim`] takes tasks, [`complete`] ends them well, [`setback`] ends them otherwise.

mod claim;
mod complete;
mod setback;

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::SqliteDb;
use super::rows::{blob, collect, first, number, parsed, value};
use crate::db::ledger::{
    CandidateFiles, ClaimedTask, Held, Ledger, LedgerCounts, Outcome, QueueCounts, RunForWork,
};
use crate::db::{DbResult, Lease};
use crate::domain::{ComparisonId, Queue, RunId, TaskId, Timestamp};

pub(super) use setback::expire_worker;

/// Whether the lease is the task's present one.
fn holds(tx: &Connection, task: TaskId, lease: Lease) -> DbResult<bool> {
    let sql = "SELECT 1 FROM tasks WHERE id = ?1 AND lease = ?2 AND state = 'leased'";
    Ok(value::<i64>(tx, sql, params![task.0, lease.0])?.is_some())
}

/// What every queue holds.
pub(super) fn counts(tx: &Connection, now: Timestamp) -> DbResult<LedgerCounts> {
    // A task that an older version handed back doesn't say since when it waits.
    let sql = "SELECT queue, count(*) FILTER (WHERE state = 'ready') AS ready, count(*) FILTER (WHERE state = 'leased') AS leased,
                      min(run_after) FILTER (WHERE state = 'ready' AND run_after BETWEEN 1 AND ?1) AS since
               FROM tasks GROUP BY queue";
    let queues = collect(tx, sql, [now.0], |row| {
        Ok(QueueCounts {
            queue: parsed(row, "queue")?,
            ready: number(row, "ready")?,
            leased: number(row, "leased")?,
            oldest: row.get::<_, Option<i64>>("since")?.map(|since| Timestamp(since).until(now)),
        })
    })?;
    Ok(LedgerCounts::of(queues))
}

#[async_trait]
impl Ledger for SqliteDb {
    async fn claim(
        &self,
        worker: &str,
        queues: &[Queue],
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<Option<ClaimedTask>> {
        let queues = queues.to_vec();
        // Idle workers look often and find nothing: that must not cost a write lock.
        let wanted = queues.clone();
        let now = self.clock.now().0;
        if self.read(move |tx| claim::next(tx, &wanted, now)).await?.is_none() {
            return Ok(None);
        }
        let worker = worker.to_owned();
        self.write(move |tx, now| claim::claim(tx, &worker, &queues, lease, Timestamp(now), ttl)).await
    }

    async fn renew_task(&self, task: TaskId, lease: Lease, ttl: Duration) -> DbResult<Held> {
        self.write(move |tx, now| {
            if !holds(tx, task, lease)? {
                return Ok(Held::No);
            }
            let expires = Timestamp(now).after(ttl).0;
            tx.prepare_cached("UPDATE tasks SET lease_expires = ?2 WHERE id = ?1")?
                .execute(params![task.0, expires])?;
            tx.prepare_cached("UPDATE objects SET expires = ?2 WHERE lease = ?1")?
                .execute(params![lease.0, expires])?;
            Ok(Held::Yes)
        })
        .await
    }

    async fn complete(&self, task: TaskId, lease: Lease, outcome: &Outcome) -> DbResult<Held> {
        let outcome = outcome.clone();
        self.write(move |tx, now| complete::complete(tx, task, lease, &outcome, now)).await
    }

    async fn fail(
        &self,
        task: TaskId,
        lease: Lease,
        message: &str,
        retry_after: Option<Duration>,
    ) -> DbResult<Held> {
        let message = message.to_owned();
        self.write(move |tx, now| setback::fail(tx, task, lease, &message, retry_after, now)).await
    }

    async fn hand_back(&self, task: TaskId, lease: Lease) -> DbResult<Held> {
        self.write(move |tx, now| setback::hand_back(tx, task, lease, now)).await
    }

    async fn rescue(&self) -> DbResult<u64> {
        let now = self.clock.now().0;
        if self.read(move |tx| setback::expired(tx, now)).await?.is_empty() {
            return Ok(0);
        }
        self.write(setback::rescue).await
    }

    async fn run_for_work(&self, run: RunId) -> DbResult<Option<RunForWork>> {
        self.read(move |tx| {
            let sql = "SELECT p.result_type, r.threshold, r.seed, p.uses_blocking, p.encoding_size, p.permutation_positions
                       FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = ?1 AND p.encoding_size IS NOT NULL";
            first(tx, sql, [run.to_string()], |row| {
                Ok(RunForWork {
                    result_type: parsed(row, "result_type")?,
                    threshold: row.get("threshold")?,
                    seed: blob(row, "seed")?,
                    permutation_positions: parsed(row, "permutation_positions")?,
                    uses_blocking: row.get("uses_blocking")?,
                    encoding_size: number(row, "encoding_size")?,
                })
            })
        })
        .await
    }

    async fn candidate_files(&self, comparison: ComparisonId) -> DbResult<Option<CandidateFiles>> {
        self.read(move |tx| {
            let sql = "SELECT threshold, candidates FROM comparisons WHERE id = ?1 AND state = 'complete'";
            let found = first(tx, sql, [comparison.0], |row| {
                Ok((row.get::<_, f64>("threshold")?, row.get::<_, i64>("candidates")?))
            })?;
            let Some((threshold, candidates)) = found else { return Ok(None) };
            let sql =
                "SELECT object, candidates FROM candidate_files WHERE comparison_id = ?1 ORDER BY number";
            let objects = collect(tx, sql, [comparison.0], |row| {
                Ok((row.get("object")?, row.get::<_, i64>("candidates")?.unsigned_abs()))
            })?;
            Ok(Some(CandidateFiles { threshold, objects, candidates: candidates.unsigned_abs() }))
        })
        .await
    }

    async fn ledger_counts(&self) -> DbResult<LedgerCounts> {
        let now = self.clock.now();
        self.read(move |tx| counts(tx, now)).await
    }
}
