//! Taking the next task.

use tokio_postgres::Row;

use super::super::rows::{get, json, number, parsed};
use super::super::transitions::Source;
use crate::db::ledger::{ClaimedTask, Work};
use crate::db::{DbError, DbResult, Lease};
use crate::domain::task::Part;
use crate::domain::{ComparisonId, TaskId, TaskKind};

/// Takes a task. To plan the statement takes the server longer than to do it: what most tasks don't need is left out.
pub(super) const CLAIM: &str = include_str!("claim.sql");

/// Starts the run of a plan that has been claimed. A run that is being changed by another is left alone: it is being deleted or
/// failed. Unsynced like the claim.
pub(super) const START: &str = "
    WITH clock AS MATERIALIZED (SELECT now_micros() AS now, set_config('synchronous_commit', 'off', true))
    UPDATE runs SET state = 'running', time_started = clock.now
    FROM clock WHERE runs.id IN (
        SELECT id FROM runs WHERE id = $1 AND state = 'queued' FOR NO KEY UPDATE SKIP LOCKED)";

pub(super) fn claimed(row: &Row, lease: Lease) -> DbResult<ClaimedTask> {
    let comparison = |row: &Row| -> DbResult<ComparisonId> {
        let id: Option<i64> = get(row, "comparison_id")?;
        id.map(ComparisonId).ok_or_else(|| DbError::Corrupt("a task without its comparison".into()))
    };
    let work = match parsed::<TaskKind>(row, "kind")? {
        TaskKind::Ingest => {
            let Source { party, source } = json(get(row, "payload")?, "payload")?;
            Work::Ingest { party, source }
        }
        TaskKind::Plan => Work::Plan { run: parsed(row, "run_id")? },
        TaskKind::Finish => Work::Finish { run: parsed(row, "run_id")?, comparison: comparison(row)? },
        TaskKind::Compare => Work::Compare {
            comparison: comparison(row)?,
            threshold: get(row, "threshold")?,
            number: number(row, "number")?,
            part: json::<Part>(get(row, "payload")?, "payload")?,
        },
    };
    let cause: Option<&str> = get(row, "cause")?;
    Ok(ClaimedTask {
        id: TaskId(get(row, "id")?),
        lease,
        project: parsed(row, "project_id")?,
        cause: work.run().or_else(|| cause?.parse().ok()),
        traceparent: get(row, "traceparent")?,
        work,
        attempt: number(row, "claims")?,
    })
}
