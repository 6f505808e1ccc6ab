//! Ending a task well: the outcome is recorded and what follows is enqueued, in one transaction.

use rusqlite::{Connection, params};

use super::super::audit;
use super::super::rows::{collect, first, json, signed, to_json, value};
use super::super::transitions::{self, NewTask, Source};
use super::super::uploads;
use super::holds;
use crate::db::ledger::{Held, Outcome, Plan};
use crate::db::runs::RunResult;
use crate::db::{DbError, DbResult, Lease};
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::{ScoreHistogram, TaskId, TaskKind};

/// What the task row says of its surroundings.
struct TaskRow {
    project: String,
    run: Option<String>,
    comparison: Option<i64>,
    number: i64,
    comparisons: i64,
    payload: String,
}

pub(super) fn complete(
    tx: &Connection,
    task: TaskId,
    lease: Lease,
    outcome: &Outcome,
    now: i64,
) -> DbResult<Held> {
    if !holds(tx, task, lease)? {
        transitions::doom_objects_of(tx, &lease.0)?;
        return Ok(Held::No);
    }
    let sql = "DELETE FROM tasks WHERE id = ?1 RETURNING project_id, run_id, comparison_id, number, comparisons, payload";
    let row = first(tx, sql, [task.0], |row| {
        Ok(TaskRow {
            project: row.get(0)?,
            run: row.get(1)?,
            comparison: row.get(2)?,
            number: row.get(3)?,
            comparisons: row.get(4)?,
            payload: row.get(5)?,
        })
    })?
    .ok_or_else(|| DbError::Corrupt("a held task is missing".into()))?;
    match (outcome, &row.run, row.comparison) {
        (Outcome::Ingested(verdict), None, None) => {
            let source: Source = json(&row.payload, "payload")?;
            swept(uploads::ingested(tx, &row.project, source.party, lease, verdict, now)?)?;
        }
        (Outcome::Planned(plan), Some(run), None) => planned(tx, &row.project, run, plan, now)?,
        (Outcome::Compared { object, candidates, scores, limit, limit_name }, None, Some(comparison)) => {
            swept(transitions::enliven_objects(tx, &[object.as_str()], &lease.0)?)?;
            let complete = compared(tx, &row, comparison, object, (signed(*candidates)?, scores))?;
            // Nothing that has too many goes on to its output.
            if within_limit(tx, comparison, *limit, limit_name, now)? && complete {
                finish(tx, &row.project, comparison, now)?;
            }
        }
        (Outcome::Finished(result), Some(run), Some(_)) => {
            swept(transitions::enliven_objects(tx, &result.objects(), &lease.0)?)?;
            finished(tx, run, result, now)?;
            let event = Event::done(Actor::SERVICE, Action::RunCompleted, &*row.project).run(run);
            audit::append(tx, &event, now)?;
        }
        _ => return Err(DbError::Corrupt("an outcome that doesn't fit its task".into())),
    }
    // Whatever else the task wrote was for itself.
    transitions::doom_objects_of(tx, &lease.0)?;
    Ok(Held::Yes)
}

/// An object that was swept under a lease that is still held: the transaction is undone and the task will be done again.
fn swept(alive: bool) -> DbResult<()> {
    match alive {
        true => Ok(()),
        false => Err(DbError::Unavailable("the task's object was swept before it was recorded".into())),
    }
}

fn planned(tx: &Connection, project: &str, run: &str, plan: &Plan, now: i64) -> DbResult<()> {
    let threshold = value::<f64>(tx, "SELECT threshold FROM runs WHERE id = ?1", [run])?
        .ok_or_else(|| DbError::Corrupt("a plan without its run".into()))?;
    // A finished comparison at a lower threshold holds all candidates that are needed; one still under way is joined only at
    // the same threshold, because it may yet fail for having too many.
    let sql = "SELECT id, state = 'complete' FROM comparisons
               WHERE project_id = ?1 AND key = ?2
                 AND ((state = 'complete' AND threshold <= ?3) OR (state = 'open' AND threshold = ?3))
               ORDER BY state = 'complete' DESC, threshold DESC LIMIT 1";
    let joined = first(tx, sql, params![project, plan.key, threshold], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (comparison, complete) = match joined {
        Some(found) => found,
        None => (new_comparison(tx, (project, run), threshold, plan, now)?, plan.parts.is_empty()),
    };
    tx.prepare_cached("UPDATE runs SET comparison_id = ?2, stage = 2 WHERE id = ?1")?
        .execute(params![run, comparison])?;
    if complete {
        transitions::enqueue_finish(tx, project, run, comparison, now)?;
    }
    Ok(())
}

fn new_comparison(
    tx: &Connection,
    (project, run): (&str, &str),
    threshold: f64,
    plan: &Plan,
    now: i64,
) -> DbResult<i64> {
    let total = plan.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.comparisons));
    let total = signed(total.unwrap_or(u64::MAX))?;
    let state = if plan.parts.is_empty() { "complete" } else { "open" };
    tx.prepare_cached(
        "INSERT INTO comparisons (project_id, key, threshold, state, outstanding, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![project, plan.key, threshold, state, plan.parts.len() as i64, total])?;
    let comparison = tx.last_insert_rowid();
    for (number, planned) in (0_u32..).zip(&plan.parts) {
        let task = NewTask {
            kind: TaskKind::Compare,
            project,
            run: None,
            comparison: Some(comparison),
            number,
            payload: &to_json(&planned.part)?,
            comparisons: signed(planned.comparisons)?,
            cause: Some(run),
        };
        transitions::enqueue(tx, task, now)?;
    }
    Ok(comparison)
}

/// Counts a part; true if it was the last.
fn compared(
    tx: &Connection,
    row: &TaskRow,
    comparison: i64,
    object: &str,
    (candidates, scores): (i64, &ScoreHistogram),
) -> DbResult<bool> {
    tx.prepare_cached(
        "INSERT INTO candidate_files (comparison_id, number, object, candidates, scores) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![comparison, row.number, object, candidates, to_json(scores)?])?;
    let sql = "UPDATE comparisons
               SET outstanding = outstanding - 1, done = done + ?2, candidates = candidates + ?3,
                   state = CASE WHEN outstanding = 1 AND state = 'open' THEN 'complete' ELSE state END
               WHERE id = ?1 RETURNING state = 'complete'";
    let complete =
        first(tx, sql, params![comparison, row.comparisons, candidates], |row| Ok(row.get::<_, bool>(0)?))?;
    Ok(complete == Some(true))
}

/// Moves all runs that wait for a comparison on to their output.
fn finish(tx: &Connection, project: &str, comparison: i64, now: i64) -> DbResult<()> {
    let sql = "SELECT id FROM runs WHERE comparison_id = ?1 AND state = 'running' ORDER BY time_added, id";
    for run in collect(tx, sql, [comparison], |row| Ok(row.get::<_, String>(0)?))? {
        transitions::enqueue_finish(tx, project, &run, comparison, now)?;
    }
    Ok(())
}

/// Ends the comparison, and what waits for it, if it has too many candidates.
fn within_limit(tx: &Connection, comparison: i64, limit: u64, limit_name: &str, now: i64) -> DbResult<bool> {
    let found =
        value::<i64>(tx, "SELECT candidates FROM comparisons WHERE id = ?1", [comparison])?.unwrap_or(0);
    if found.unsigned_abs() <= limit {
        return Ok(true);
    }
    let message = format!(
        "more than {limit} candidate pairs ({limit_name}; {found} so far): a higher threshold or blocking gives fewer"
    );
    transitions::fail_comparison(tx, comparison, &message, now)?;
    Ok(false)
}

fn finished(tx: &Connection, run: &str, result: &RunResult, now: i64) -> DbResult<()> {
    tx.prepare_cached("UPDATE runs SET state = 'completed', result = ?2, time_completed = ?3 WHERE id = ?1")?
        .execute(params![run, to_json(result)?, now])?;
    Ok(())
}
