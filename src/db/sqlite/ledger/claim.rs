//! Taking the next task.

use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::super::rows::{first, json, number, parsed};
use super::super::schema;
use super::super::transitions::Source;
use crate::db::ledger::{ClaimedTask, LONGEST_PAUSE, Work};
use crate::db::{DbError, DbResult, Lease};
use crate::domain::task::{PAYLOAD_VERSION, Part};
use crate::domain::{ComparisonId, Queue, TaskId, TaskKind, Timestamp};

/// The task whose turn it is: the one with the lowest place over the queues asked for.
pub(super) fn next(tx: &Connection, queues: &[Queue], now: i64) -> DbResult<Option<i64>> {
    // A binary that the schema has left behind doesn't know what it would be doing.
    if !schema::welcomes(tx)? {
        return Ok(None);
    }
    let mut best: Option<(i64, i64)> = None;
    for queue in queues {
        let sql = "SELECT place, id FROM tasks INDEXED BY tasks_ready
                   WHERE queue = ?1 AND state = 'ready' AND payload_version <= ?3 AND (run_after <= ?2 OR run_after > ?4)
                   ORDER BY place, id LIMIT 1";
        let beyond = Timestamp(now).after(LONGEST_PAUSE).0;
        let found = first(tx, sql, params![queue.name(), now, PAYLOAD_VERSION, beyond], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        best = best.into_iter().chain(found).min();
    }
    Ok(best.map(|(_, id)| id))
}

fn claimed(row: &Row, lease: Lease) -> DbResult<ClaimedTask> {
    let comparison = |row: &Row| -> DbResult<ComparisonId> {
        let id: Option<i64> = row.get("comparison_id")?;
        id.map(ComparisonId).ok_or_else(|| DbError::Corrupt("a task without its comparison".into()))
    };
    let work = match parsed::<TaskKind>(row, "kind")? {
        TaskKind::Ingest => {
            let Source { party, source } = json(&row.get::<_, String>("payload")?, "payload")?;
            Work::Ingest { party, source }
        }
        TaskKind::Plan => Work::Plan { run: parsed(row, "run_id")? },
        TaskKind::Finish => Work::Finish { run: parsed(row, "run_id")?, comparison: comparison(row)? },
        TaskKind::Compare => Work::Compare {
            comparison: comparison(row)?,
            threshold: row.get("threshold")?,
            number: number(row, "number")?,
            part: json::<Part>(&row.get::<_, String>("payload")?, "payload")?,
        },
    };
    let cause: Option<String> = row.get("cause")?;
    Ok(ClaimedTask {
        id: TaskId(row.get("id")?),
        lease,
        project: parsed(row, "project_id")?,
        cause: work.run().or_else(|| cause?.parse().ok()),
        traceparent: row.get("traceparent")?,
        work,
        attempt: number(row, "claims")?,
    })
}

pub(super) fn claim(
    tx: &Connection,
    worker: &str,
    queues: &[Queue],
    lease: Lease,
    now: Timestamp,
    ttl: Duration,
) -> DbResult<Option<ClaimedTask>> {
    let Some(id) = next(tx, queues, now.0)? else { return Ok(None) };
    tx.prepare_cached(
        "UPDATE tasks SET state = 'leased', lease = ?2, lease_expires = ?3, worker = ?4, claims = claims + 1, time_claimed = ?5
         WHERE id = ?1",
    )?
    .execute(params![id, lease.0, now.after(ttl).0, worker, now.0])?;
    let sql = "SELECT t.*, c.threshold FROM tasks t LEFT JOIN comparisons c ON c.id = t.comparison_id WHERE t.id = ?1";
    let task = first(tx, sql, [id], |row| claimed(row, lease))?;
    if let Some(ClaimedTask { work: Work::Plan { run }, .. }) = &task {
        tx.prepare_cached(
            "UPDATE runs SET state = 'running', time_started = ?2 WHERE id = ?1 AND state = 'queued'",
        )?
        .execute(params![run.to_string(), now.0])?;
    }
    Ok(task)
}
