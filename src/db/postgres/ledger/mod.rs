//! The task ledger in PostgreSQL: [`claim`] takes tasks, [`complete`] ends them well, [`setback`] ends them otherwise.

mod claim;
mod complete;
mod setback;

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresDb;
use super::rows::{blob, get, micros, number, params, parsed, text};
use super::schema::KNOWN;
use crate::db::ledger::{
    CandidateFiles, ClaimedTask, Held, LONGEST_PAUSE, Ledger, LedgerCounts, Outcome, PoolCounts, QueueCounts,
    RunForWork, Work,
};
use crate::db::{DbResult, Lease};
use crate::domain::task::PAYLOAD_VERSION;
use crate::domain::{ComparisonId, Queue, RunId, TaskId};

const RENEW: &str = "
    WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    held AS (
        UPDATE tasks SET lease_expires = now_micros() + $3 FROM setting
        WHERE id = $1 AND lease = $2 AND state = 'leased' RETURNING lease_expires),
    kept AS (
        UPDATE objects SET expires = held.lease_expires FROM held WHERE name IN (
            SELECT name FROM objects WHERE lease = $2 ORDER BY name FOR UPDATE))
    SELECT 1 FROM held";

/// What every queue holds. A task that an older version handed back doesn't say since when it waits.
const COUNTS: &str = "
    WITH clock AS MATERIALIZED (SELECT now_micros() AS now)
    SELECT queue, count(*) FILTER (WHERE state = 'ready') AS ready, count(*) FILTER (WHERE state = 'leased') AS leased,
           max(clock.now - run_after) FILTER (WHERE state = 'ready' AND run_after BETWEEN 1 AND clock.now) AS waited
    FROM tasks CROSS JOIN clock GROUP BY queue";

#[async_trait]
impl Ledger for PostgresDb {
    async fn claim(
        &self,
        worker: &str,
        queues: &[Queue],
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<Option<ClaimedTask>> {
        let queues: Vec<&str> = queues.iter().map(|queue| queue.name()).collect();
        let (version, held) = (i64::from(PAYLOAD_VERSION), lease.0.as_slice());
        let (length, pause, worker) = (micros(ttl), micros(LONGEST_PAUSE), text(worker));
        let rows =
            self.query(claim::CLAIM, params![queues, version, held, length, worker, pause, KNOWN]).await?;
        let claimed = rows.first().map(|row| claim::claimed(row, lease)).transpose()?;
        if let Some(ClaimedTask { work: Work::Plan { run }, .. }) = &claimed
            && let Err(error) = self.query(claim::START, params![run.to_string()]).await
        {
            // Then the end of the plan starts it.
            tracing::debug!(%run, %error, "a run whose plan has been claimed was not started");
        }
        Ok(claimed)
    }

    async fn renew_task(&self, task: TaskId, lease: Lease, ttl: Duration) -> DbResult<Held> {
        let held = self.first(RENEW, params![task.0, lease.0.as_slice(), micros(ttl)]).await?;
        Ok(if held.is_some() { Held::Yes } else { Held::No })
    }

    async fn complete(&self, task: TaskId, lease: Lease, outcome: &Outcome) -> DbResult<Held> {
        complete::complete(self, task, lease, outcome).await
    }

    async fn fail(
        &self,
        task: TaskId,
        lease: Lease,
        message: &str,
        retry_after: Option<Duration>,
    ) -> DbResult<Held> {
        let message = text(message);
        let message = message.as_str();
        self.transaction(
            "fail",
            |tx| async move { setback::fail(&tx, task, lease, message, retry_after).await },
        )
        .await
    }

    async fn hand_back(&self, task: TaskId, lease: Lease) -> DbResult<Held> {
        self.transaction("hand_back", |tx| async move { setback::hand_back(&tx, task, lease).await }).await
    }

    async fn rescue(&self) -> DbResult<u64> {
        setback::rescue(self).await
    }

    async fn run_for_work(&self, run: RunId) -> DbResult<Option<RunForWork>> {
        let sql = "SELECT p.result_type, r.threshold, r.seed, p.uses_blocking, p.encoding_size, p.permutation_positions
                   FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = $1 AND p.encoding_size IS NOT NULL";
        let Some(row) = self.first(sql, params![run.to_string()]).await? else { return Ok(None) };
        Ok(Some(RunForWork {
            result_type: parsed(&row, "result_type")?,
            threshold: get(&row, "threshold")?,
            seed: blob(&row, "seed")?,
            permutation_positions: parsed(&row, "permutation_positions")?,
            uses_blocking: get(&row, "uses_blocking")?,
            encoding_size: number(&row, "encoding_size")?,
        }))
    }

    async fn candidate_files(&self, comparison: ComparisonId) -> DbResult<Option<CandidateFiles>> {
        let sql = "SELECT threshold, candidates,
                          ARRAY(SELECT object FROM candidate_files WHERE comparison_id = $1 ORDER BY number) AS objects,
                          ARRAY(SELECT candidates FROM candidate_files WHERE comparison_id = $1 ORDER BY number) AS counts
                   FROM comparisons WHERE id = $1 AND state = 'complete'";
        let Some(row) = self.first(sql, params![comparison.0]).await? else { return Ok(None) };
        let (objects, counts): (Vec<String>, Vec<i64>) = (get(&row, "objects")?, get(&row, "counts")?);
        Ok(Some(CandidateFiles {
            threshold: get(&row, "threshold")?,
            objects: objects.into_iter().zip(counts.into_iter().map(i64::unsigned_abs)).collect(),
            candidates: number(&row, "candidates")?,
        }))
    }

    async fn ledger_counts(&self) -> DbResult<LedgerCounts> {
        let rows = self.again(COUNTS, &[]).await?;
        let queues = rows.iter().map(|row| {
            let waited: Option<i64> = get(row, "waited")?;
            Ok(QueueCounts {
                queue: parsed(row, "queue")?,
                ready: number(row, "ready")?,
                leased: number(row, "leased")?,
                oldest: waited.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
            })
        });
        Ok(LedgerCounts::of(queues.collect::<DbResult<Vec<_>>>()?))
    }

    fn pool(&self) -> Option<PoolCounts> {
        let deadpool_postgres::Status { max_size: max, size: open, available, .. } = self.pool.status();
        Some(PoolCounts { in_use: open.saturating_sub(available), open, max })
    }
}
