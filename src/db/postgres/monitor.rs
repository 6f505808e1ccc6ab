//! What operators look at.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresDb;
use super::rows::{get, micros, number, params, parsed, text};
use crate::db::ledger::Ledger;
use crate::db::monitor::{
    ALIVE, Failure, HeldTask, LiveWorker, MOST_FAILURES, MOST_RUNS, MOST_WORKERS, Monitor, OpenRun, Overview,
    Worker, joined, split,
};
use crate::db::{DbError, DbResult};
use crate::domain::{ComparisonId, Stage, Timestamp};

// The commit isn't synced: what a crash undoes is said again.
const SEEN: &str = "
    WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO workers (name, version, queues, concurrency, seen) SELECT $1, $2, $3, $4, now_micros() FROM setting
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, queues = excluded.queues,
                                     concurrency = excluded.concurrency, seen = excluded.seen";

// A row that another process is at is left to it.
const FORGET: &str = "
    DELETE FROM workers WHERE name IN (
        SELECT name FROM workers WHERE seen < now_micros() - $1 FOR UPDATE SKIP LOCKED) RETURNING 1";

const NOW: &str = "SELECT now_micros() AS now, (SELECT count(*) FROM projects) AS projects";

const WORKERS: &str = "SELECT * FROM workers WHERE seen >= $1 - $2 ORDER BY name LIMIT $3";

const TASKS: &str = "
    SELECT worker, kind, project_id, time_claimed FROM tasks WHERE state = 'leased'
    ORDER BY time_claimed NULLS FIRST, id LIMIT $1";

const RUNS: &str = "
    SELECT r.id, r.project_id, r.state, r.stage, r.comparison_id, r.time_added, r.time_started, p.result_type, c.total, c.done
    FROM runs r JOIN projects p ON p.id = r.project_id LEFT JOIN comparisons c ON c.id = r.comparison_id
    WHERE r.state IN ('queued', 'running') ORDER BY r.state = 'queued', r.time_added, r.id LIMIT $1";

// A project's error is that of its runs as well: it is told once.
const FAILURES: &str = "
    (SELECT r.project_id, r.id AS run_id, r.time_completed AS time, r.message
     FROM runs r JOIN projects p ON p.id = r.project_id
     WHERE r.state = 'error' AND p.error IS DISTINCT FROM r.message ORDER BY r.time_completed DESC, r.id LIMIT $1)
    UNION ALL
    (SELECT id, NULL, coalesce(time_failed, time_added), error
     FROM projects WHERE error IS NOT NULL ORDER BY coalesce(time_failed, time_added) DESC, id LIMIT $1)
    ORDER BY time DESC, project_id LIMIT $1";

fn live_worker(row: &Row) -> DbResult<LiveWorker> {
    let worker = Worker {
        name: get(row, "name")?,
        version: get(row, "version")?,
        queues: split(get(row, "queues")?),
        concurrency: number(row, "concurrency")?,
    };
    Ok(LiveWorker { worker, seen: Timestamp(get(row, "seen")?) })
}

fn held_task(row: &Row) -> DbResult<HeldTask> {
    Ok(HeldTask {
        worker: get(row, "worker")?,
        kind: parsed(row, "kind")?,
        project: parsed(row, "project_id")?,
        since: get::<Option<i64>>(row, "time_claimed")?.map(Timestamp),
    })
}

fn open_run(row: &Row) -> DbResult<OpenRun> {
    let stage: i64 = get(row, "stage")?;
    let comparison = get::<Option<i64>>(row, "comparison_id")?.map(ComparisonId);
    let figure =
        |column: &str| -> DbResult<u64> { Ok(get::<Option<i64>>(row, column)?.unwrap_or(0).unsigned_abs()) };
    let (done, total) = (figure("done")?, figure("total")?);
    Ok(OpenRun {
        project: parsed(row, "project_id")?,
        id: parsed(row, "id")?,
        result_type: parsed(row, "result_type")?,
        state: parsed(row, "state")?,
        stage: Stage::from_number(stage).ok_or_else(|| DbError::Corrupt(format!("stage {stage}")))?,
        comparison: comparison.map(|id| (id, done, total)),
        time_added: Timestamp(get(row, "time_added")?),
        time_started: get::<Option<i64>>(row, "time_started")?.map(Timestamp),
    })
}

fn failure(row: &Row) -> DbResult<Failure> {
    let run: Option<&str> = get(row, "run_id")?;
    Ok(Failure {
        project: parsed(row, "project_id")?,
        run: run.map(|_| parsed(row, "run_id")).transpose()?,
        time: Timestamp(get(row, "time")?),
        message: get(row, "message")?,
    })
}

#[async_trait]
impl Monitor for PostgresDb {
    async fn worker_seen(&self, worker: &Worker) -> DbResult<()> {
        let (name, version) = (text(&worker.name), worker.version.as_str());
        let (queues, concurrency) = (joined(&worker.queues), i64::from(worker.concurrency));
        self.again(SEEN, params![name, version, queues, concurrency]).await.map(drop)
    }

    async fn worker_gone(&self, name: &str) -> DbResult<()> {
        self.again("DELETE FROM workers WHERE name = $1", params![text(name)]).await.map(drop)
    }

    async fn forget_dead_workers(&self) -> DbResult<u64> {
        Ok(self.query(FORGET, params![micros(ALIVE)]).await?.len() as u64)
    }

    async fn overview(&self) -> DbResult<Overview> {
        let row = self.first(NOW, &[]).await?;
        let row = row.ok_or_else(|| DbError::Corrupt("no time".into()))?;
        let now: i64 = get(&row, "now")?;
        let (most_workers, most_runs) = (i64::from(MOST_WORKERS), i64::from(MOST_RUNS));
        let workers = self.again(WORKERS, params![now, micros(ALIVE), most_workers]).await?;
        let tasks = self.again(TASKS, params![most_workers]).await?;
        let runs = self.again(RUNS, params![most_runs]).await?;
        let failures = self.again(FAILURES, params![i64::from(MOST_FAILURES)]).await?;
        Ok(Overview {
            now: Timestamp(now),
            counts: self.ledger_counts().await?,
            workers: workers.iter().map(live_worker).collect::<DbResult<_>>()?,
            tasks: tasks.iter().map(held_task).collect::<DbResult<_>>()?,
            runs: runs.iter().map(open_run).collect::<DbResult<_>>()?,
            failures: failures.iter().map(failure).collect::<DbResult<_>>()?,
            projects: number(&row, "projects")?,
        })
    }
}
