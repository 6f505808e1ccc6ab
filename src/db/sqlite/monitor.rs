//! What operators look at.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::rows::{collect, number, parsed, value};
use super::{SqliteDb, ledger};
use crate::db::monitor::{
    ALIVE, Failure, HeldTask, LiveWorker, MOST_FAILURES, MOST_RUNS, MOST_WORKERS, Monitor, OpenRun, Overview,
    Worker, joined, split,
};
use crate::db::{DbError, DbResult};
use crate::domain::{ComparisonId, Stage, Timestamp};

const WORKERS: &str = "SELECT * FROM workers WHERE seen >= ?1 ORDER BY name LIMIT ?2";

const TASKS: &str = "
    SELECT worker, kind, project_id, time_claimed FROM tasks WHERE state = 'leased' ORDER BY time_claimed, id LIMIT ?1";

const RUNS: &str = "
    SELECT r.id, r.project_id, r.state, r.stage, r.comparison_id, r.time_added, r.time_started, p.result_type, c.total, c.done
    FROM runs r JOIN projects p ON p.id = r.project_id LEFT JOIN comparisons c ON c.id = r.comparison_id
    WHERE r.state IN ('queued', 'running') ORDER BY r.state = 'queued', r.time_added, r.id LIMIT ?1";

// A project's error is that of its runs as well: it is told once.
const FAILURES: &str = "
    SELECT * FROM (
        SELECT r.project_id, r.id AS run_id, r.time_completed AS time, r.message
        FROM runs r JOIN projects p ON p.id = r.project_id
        WHERE r.state = 'error' AND p.error IS NOT r.message ORDER BY r.time_completed DESC, r.id LIMIT ?1)
    UNION ALL SELECT * FROM (
        SELECT id, NULL, coalesce(time_failed, time_added), error
        FROM projects WHERE error IS NOT NULL ORDER BY coalesce(time_failed, time_added) DESC, id LIMIT ?1)
    ORDER BY time DESC, project_id LIMIT ?1";

fn live_worker(row: &Row) -> DbResult<LiveWorker> {
    let queues: String = row.get("queues")?;
    let worker = Worker {
        name: row.get("name")?,
        version: row.get("version")?,
        queues: split(&queues),
        concurrency: number(row, "concurrency")?,
    };
    Ok(LiveWorker { worker, seen: Timestamp(row.get("seen")?) })
}

fn held_task(row: &Row) -> DbResult<HeldTask> {
    Ok(HeldTask {
        worker: row.get("worker")?,
        kind: parsed(row, "kind")?,
        project: parsed(row, "project_id")?,
        since: row.get::<_, Option<i64>>("time_claimed")?.map(Timestamp),
    })
}

fn open_run(row: &Row) -> DbResult<OpenRun> {
    let stage: i64 = row.get("stage")?;
    let comparison = row.get::<_, Option<i64>>("comparison_id")?.map(ComparisonId);
    let figure = |column: &str| -> DbResult<u64> {
        Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0).unsigned_abs())
    };
    let (done, total) = (figure("done")?, figure("total")?);
    Ok(OpenRun {
        project: parsed(row, "project_id")?,
        id: parsed(row, "id")?,
        result_type: parsed(row, "result_type")?,
        state: parsed(row, "state")?,
        stage: Stage::from_number(stage).ok_or_else(|| DbError::Corrupt(format!("stage {stage}")))?,
        comparison: comparison.map(|id| (id, done, total)),
        time_added: Timestamp(row.get("time_added")?),
        time_started: row.get::<_, Option<i64>>("time_started")?.map(Timestamp),
    })
}

fn failure(row: &Row) -> DbResult<Failure> {
    let run: Option<String> = row.get("run_id")?;
    Ok(Failure {
        project: parsed(row, "project_id")?,
        run: run.map(|_| parsed(row, "run_id")).transpose()?,
        time: Timestamp(row.get("time")?),
        message: row.get("message")?,
    })
}

/// The earliest time at which a worker must have been seen to be alive.
fn alive_since(now: i64) -> i64 {
    now.saturating_sub(i64::try_from(ALIVE.as_micros()).unwrap_or(i64::MAX))
}

#[async_trait]
impl Monitor for SqliteDb {
    async fn worker_seen(&self, worker: &Worker) -> DbResult<()> {
        let worker = worker.clone();
        self.write(move |tx, now| {
            let sql = "INSERT INTO workers (name, version, queues, concurrency, seen) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (name) DO UPDATE SET version = excluded.version, queues = excluded.queues,
                                                        concurrency = excluded.concurrency, seen = excluded.seen";
            let Worker { name, version, queues, concurrency } = worker;
            tx.prepare_cached(sql)?.execute(params![name, version, joined(&queues), concurrency, now])?;
            Ok(())
        })
        .await
    }

    async fn worker_gone(&self, name: &str) -> DbResult<()> {
        let name = name.to_owned();
        self.write(move |tx, _| {
            tx.prepare_cached("DELETE FROM workers WHERE name = ?1")?.execute([name])?;
            Ok(())
        })
        .await
    }

    async fn forget_dead_workers(&self) -> DbResult<u64> {
        let since = alive_since(self.clock.now().0);
        // There rarely is one: no write lock for nothing.
        let sql = "SELECT EXISTS (SELECT 1 FROM workers WHERE seen < ?1)";
        if !self.read(move |tx| Ok(value::<bool>(tx, sql, [since])?.unwrap_or(false))).await? {
            return Ok(0);
        }
        self.write(move |tx, now| {
            let sql = "DELETE FROM workers WHERE seen < ?1";
            Ok(tx.prepare_cached(sql)?.execute([alive_since(now)])? as u64)
        })
        .await
    }

    async fn overview(&self) -> DbResult<Overview> {
        let now = self.clock.now();
        self.read(move |tx| {
            let projects = value::<i64>(tx, "SELECT count(*) FROM projects", [])?.unwrap_or(0);
            let since = alive_since(now.0);
            Ok(Overview {
                now,
                counts: ledger::counts(tx, now)?,
                workers: collect(tx, WORKERS, params![since, MOST_WORKERS], live_worker)?,
                tasks: collect(tx, TASKS, [MOST_WORKERS], held_task)?,
                runs: collect(tx, RUNS, [MOST_RUNS], open_run)?,
                failures: collect(tx, FAILURES, [MOST_FAILURES], failure)?,
                projects: projects.unsigned_abs(),
            })
        })
        .await
    }
}
