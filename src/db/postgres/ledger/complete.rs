//! Ending a task well: the outcome is recorded and what follows is enqueued, in one transaction.
//!
//! Compare tasks share their project's lock, so that many can end at once; all others hold it alone.

use futures::future::try_join;
use tokio_postgres::Row;

use super::super::rows::{get, json, params, signed, to_json};
use super::super::transaction::{Mode, Tx};
use super::super::transitions::{self, PLACE_STEP, Source};
use super::super::{PostgresDb, ingested};
use crate::db::ledger::{Held, Outcome, Plan};
use crate::db::{DbError, DbResult, Lease};
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::task::{PAYLOAD_VERSION, PlannedPart};
use crate::domain::{TaskId, TaskKind};
use crate::telemetry::trace;

const COMPARED: &str = include_str!("compared.sql");

/// Parts that one statement enqueues.
const BATCH: usize = 10_000;

/// How a completion holds its project.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Together with others.
    Shared,
    /// Alone.
    Exclusive,
}

/// What the task row says of its surroundings.
struct TaskRow {
    project: String,
    run: Option<String>,
    comparison: Option<i64>,
    number: i64,
    comparisons: i64,
    payload: String,
}

impl TaskRow {
    fn new(row: &Row) -> DbResult<Self> {
        Ok(Self {
            project: get(row, "project_id")?,
            run: get(row, "run_id")?,
            comparison: get(row, "comparison_id")?,
            number: get(row, "number")?,
            comparisons: get(row, "comparisons")?,
            payload: get(row, "payload")?,
        })
    }
}

/// Takes a held task out of the ledger; `None` if it isn't held. The second value is the time.
async fn take(tx: &Tx, task: TaskId, lease: Lease, hold: Hold) -> DbResult<Option<(TaskRow, i64)>> {
    let lock = match hold {
        Hold::Shared => {
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(project_id, 0)), now_micros() AS now
             FROM tasks WHERE id = $1 AND lease = $2 AND state = 'leased'"
        }
        Hold::Exclusive => {
            "SELECT pg_advisory_xact_lock(hashtextextended(project_id, 0)), now_micros() AS now
             FROM tasks WHERE id = $1 AND lease = $2 AND state = 'leased'"
        }
    };
    let delete = "DELETE FROM tasks WHERE id = $1 AND lease = $2 AND state = 'leased'
                  RETURNING project_id, run_id, comparison_id, number, comparisons, payload";
    let lease = lease.0.as_slice();
    let held = params![task.0, lease];
    // In this order on the wire, without waiting in between.
    let (locked, deleted) = try_join(tx.first(lock, held), tx.first(delete, held)).await?;
    match (locked, deleted) {
        (Some(locked), Some(deleted)) => Ok(Some((TaskRow::new(&deleted)?, get(&locked, "now")?))),
        (None, Some(_)) => Err(DbError::Corrupt("a task came to be held in between".into())),
        (_, None) => Ok(None),
    }
}

pub(super) async fn complete(
    db: &PostgresDb,
    task: TaskId,
    lease: Lease,
    outcome: &Outcome,
) -> DbResult<Held> {
    if matches!(outcome, Outcome::Compared { .. }) {
        let done = db
            .transaction_as("complete", Mode::REPEATABLE, |tx| async move {
                end(&tx, task, lease, outcome, Hold::Shared).await
            })
            .await?;
        if let Some(held) = done {
            return Ok(held);
        }
    }
    let done = db
        .transaction("complete", |tx| async move { end(&tx, task, lease, outcome, Hold::Exclusive).await })
        .await?;
    done.ok_or_else(|| DbError::Corrupt("an outcome that needs more than the whole project".into()))
}

/// Ends the task; `None` if nothing was done because the project must be held alone.
async fn end(tx: &Tx, task: TaskId, lease: Lease, outcome: &Outcome, hold: Hold) -> DbResult<Option<Held>> {
    let Some((row, now)) = take(tx, task, lease, hold).await? else {
        transitions::doom_objects_of(tx, &lease.0).await?;
        return Ok(Some(Held::No));
    };
    match (outcome, &row.run, row.comparison) {
        (Outcome::Compared { .. }, None, Some(comparison)) => {
            if !compared(tx, &row, comparison, lease, outcome, hold, now).await? {
                tx.undo().await?;
                return Ok(None);
            }
            return Ok(Some(Held::Yes));
        }
        (Outcome::Ingested(verdict), None, None) => {
            let source: Source = json(&row.payload, "payload")?;
            swept(ingested::ingested(tx, &row.project, source.party, lease, verdict, now).await?)?;
        }
        (Outcome::Planned(plan), Some(run), None) => planned(tx, &row.project, run, plan, now).await?,
        (Outcome::Finished(result), Some(run), Some(_)) => {
            let sql = "UPDATE runs SET state = 'completed', result = $2, time_completed = $3 WHERE id = $1";
            tx.run(sql, params![*run, to_json(result)?, now]).await?;
            swept(transitions::enliven_objects(tx, result.objects(), &lease.0).await?)?;
            tx.note(Event::done(Actor::SERVICE, Action::RunCompleted, &*row.project).run(run));
        }
        _ => return Err(DbError::Corrupt("an outcome that doesn't fit its task".into())),
    }
    // Whatever else the task wrote was for itself.
    transitions::doom_objects_of(tx, &lease.0).await?;
    Ok(Some(Held::Yes))
}

/// An object that was swept under a lease that is still held: the transaction is undone and the task will be done again.
fn swept(alive: bool) -> DbResult<()> {
    match alive {
        true => Ok(()),
        false => Err(DbError::Unavailable("the task's object was swept before it was recorded".into())),
    }
}

async fn planned(tx: &Tx, project: &str, run: &str, plan: &Plan, now: i64) -> DbResult<()> {
    let row = tx.first("SELECT threshold FROM runs WHERE id = $1", params![run]).await?;
    let row = row.ok_or_else(|| DbError::Corrupt("a plan without its run".into()))?;
    let threshold: f64 = get(&row, "threshold")?;
    // A finished comparison at a lower threshold holds all candidates that are needed; one still under way is joined only at
    // the same threshold, because it may yet fail for having too many.
    let sql = "SELECT id, state = 'complete' AS complete FROM comparisons
               WHERE project_id = $1 AND key = $2
                 AND ((state = 'complete' AND threshold <= $3) OR (state = 'open' AND threshold = $3))
               ORDER BY state = 'complete' DESC, threshold DESC LIMIT 1";
    let (comparison, complete) = match tx.first(sql, params![project, plan.key.as_slice(), threshold]).await?
    {
        Some(row) => (get(&row, "id")?, get(&row, "complete")?),
        None => (new_comparison(tx, (project, run), threshold, plan, now).await?, plan.parts.is_empty()),
    };
    let sql = "UPDATE runs SET comparison_id = $2, stage = 2, time_started = coalesce(time_started, $3),
                               state = CASE WHEN state = 'queued' THEN 'running' ELSE state END
               WHERE id = $1";
    tx.run(sql, params![run, comparison, now]).await?;
    if complete {
        transitions::enqueue_finish(tx, comparison, Some(run), now).await?;
    }
    Ok(())
}

async fn new_comparison(
    tx: &Tx,
    (project, run): (&str, &str),
    threshold: f64,
    plan: &Plan,
    now: i64,
) -> DbResult<i64> {
    let total = plan.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.comparisons));
    let total = signed(total.unwrap_or(u64::MAX))?;
    let state = if plan.parts.is_empty() { "complete" } else { "open" };
    let sql = "INSERT INTO comparisons (project_id, key, threshold, state, outstanding, total)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    let (outstanding, key) = (plan.parts.len() as i64, plan.key.as_slice());
    let values = params![project, key, threshold, state, outstanding, total];
    let row = tx.first(sql, values).await?;
    let row = row.ok_or_else(|| DbError::Corrupt("a comparison without its number".into()))?;
    let comparison = get(&row, "id")?;
    for (batch, parts) in (0_i64..).zip(plan.parts.chunks(BATCH)) {
        enqueue_parts(tx, (project, run), comparison, batch * BATCH as i64, parts, now).await?;
    }
    Ok(comparison)
}

/// Enqueues parts of a comparison, numbered from `first`.
async fn enqueue_parts(
    tx: &Tx,
    (project, run): (&str, &str),
    comparison: i64,
    first: i64,
    parts: &[PlannedPart],
    now: i64,
) -> DbResult<()> {
    let sql = "
        INSERT INTO tasks (kind, queue, state, project_id, comparison_id, number, payload_version, payload,
                           comparisons, place, run_after, cause, traceparent)
        SELECT $1, $2, 'ready', $3, $4, $5 + n - 1, $6, payload, comparisons, $7 + ($5 + n - 1) * $8, $7, $11, $12
        FROM unnest($9, $10) WITH ORDINALITY AS parts (payload, comparisons, n) ORDER BY n";
    let kind = TaskKind::Compare;
    let payloads = parts.iter().map(|planned| to_json(&planned.part)).collect::<DbResult<Vec<String>>>()?;
    let comparisons =
        parts.iter().map(|planned| signed(planned.comparisons)).collect::<DbResult<Vec<i64>>>()?;
    let (queue, kind, version) = (kind.queue().name(), kind.name(), i64::from(PAYLOAD_VERSION));
    let traceparent = trace::current();
    let values = params![
        kind,
        queue,
        project,
        comparison,
        first,
        version,
        now,
        PLACE_STEP,
        payloads,
        comparisons,
        run,
        traceparent
    ];
    tx.run(sql, values).await
}

/// Counts a part; false if the project must be held alone, because the comparison has too many candidates.
async fn compared(
    tx: &Tx,
    row: &TaskRow,
    comparison: i64,
    lease: Lease,
    outcome: &Outcome,
    hold: Hold,
    now: i64,
) -> DbResult<bool> {
    let Outcome::Compared { object, candidates, scores, limit, limit_name } = outcome else {
        return Err(DbError::Corrupt("an outcome that doesn't fit its task".into()));
    };
    let (lease, candidates) = (lease.0.as_slice(), signed(*candidates)?);
    let scores = to_json(scores)?;
    let values = params![comparison, row.number, *object, candidates, row.comparisons, lease, scores];
    let counted = tx.first(COMPARED, values).await?;
    let counted = counted.ok_or_else(|| DbError::Corrupt("a task without its comparison".into()))?;
    swept(get::<i64>(&counted, "alive")? == 1)?;
    let found = get::<i64>(&counted, "candidates")?.unsigned_abs();
    if found > *limit {
        if hold == Hold::Shared {
            return Ok(false);
        }
        let message = format!(
            "more than {limit} candidate pairs ({limit_name}; {found} so far): a higher threshold or blocking gives fewer"
        );
        transitions::fail_comparison(tx, comparison, &message, now).await?;
    } else if get(&counted, "complete")? {
        transitions::enqueue_finish(tx, comparison, None, now).await?;
    }
    Ok(true)
}
