//! Changes of state that more than one method makes, each within its caller's transaction.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::rows::{collect, first, json, value};
use super::{audit, uploads};
use crate::db::DbResult;
use crate::db::runs::RunResult;
use crate::domain::audit::{Action, Actor, Event};
use crate::domain::task::PAYLOAD_VERSION;
use crate::domain::{ResultType, TaskKind, TokenKind};
use crate::telemetry::trace;

/// Payload of an `ingest` task.
#[derive(Serialize, Deserialize)]
pub(super) struct Source {
    pub party: u16,
    pub source: String,
}

/// What a new task is about: a party (ingest), a run (plan, finish) or a part of a comparison.
#[derive(Clone, Copy)]
pub(super) struct NewTask<'a> {
    pub kind: TaskKind,
    pub project: &'a str,
    pub run: Option<&'a str>,
    pub comparison: Option<i64>,
    /// Position among the tasks enqueued together.
    pub number: u32,
    pub payload: &'a str,
    pub comparisons: i64,
    /// The run that brings about a part of a comparison.
    pub cause: Option<&'a str>,
}

/// How far in the queue a task's place lies behind that of its predecessor in the same stage: a minute, in microseconds.
const PLACE_STEP: i64 = 60_000_000;

pub(super) fn enqueue(tx: &Connection, task: NewTask, now: i64) -> DbResult<()> {
    tx.prepare_cached(
        "INSERT INTO tasks (kind, queue, state, project_id, run_id, comparison_id, number, payload_version, payload,
                            comparisons, place, run_after, cause, traceparent)
         VALUES (?1, ?2, 'ready', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        task.kind.name(),
        task.kind.queue().name(),
        task.project,
        task.run,
        task.comparison,
        task.number,
        PAYLOAD_VERSION,
        task.payload,
        task.comparisons,
        now.saturating_add(i64::from(task.number).saturating_mul(PLACE_STEP)),
        now,
        task.cause,
        traceparent(tx, task)?
    ])?;
    Ok(())
}

/// The trace that a task goes on with: the one of whatever enqueues it, save that the end of a run belongs where the run began.
fn traceparent(tx: &Connection, task: NewTask) -> DbResult<Option<String>> {
    match (task.kind, task.run) {
        (TaskKind::Finish, Some(run)) => {
            Ok(value::<Option<String>>(tx, "SELECT traceparent FROM runs WHERE id = ?1", [run])?.flatten())
        }
        _ => Ok(trace::current()),
    }
}

/// Queues a created run and enqueues its plan.
pub(super) fn queue_run(tx: &Connection, project: &str, run: &str, now: i64) -> DbResult<()> {
    tx.prepare_cached(
        "UPDATE runs SET state = 'queued', traceparent = ?2 WHERE id = ?1 AND state = 'created'",
    )?
    .execute(params![run, trace::current()])?;
    let task = NewTask {
        kind: TaskKind::Plan,
        project,
        run: Some(run),
        comparison: None,
        number: 0,
        payload: "{}",
        comparisons: 0,
        cause: None,
    };
    enqueue(tx, task, now)
}

/// Queues all created runs of a project if all its data are there. Returns how many.
pub(super) fn queue_runs_if_complete(tx: &Connection, project: &str, now: i64) -> DbResult<usize> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM parties WHERE project_id = ?1 AND state <> 'ready')";
    if !value::<bool>(tx, sql, [project])?.unwrap_or(false) {
        return Ok(0);
    }
    let sql = "SELECT id FROM runs WHERE project_id = ?1 AND state = 'created' ORDER BY time_added, id";
    let runs = collect(tx, sql, [project], |row| Ok(row.get::<_, String>(0)?))?;
    for run in &runs {
        queue_run(tx, project, run, now)?;
    }
    Ok(runs.len())
}

/// Moves a run whose candidates are complete on to its output.
pub(super) fn enqueue_finish(
    tx: &Connection,
    project: &str,
    run: &str,
    comparison: i64,
    now: i64,
) -> DbResult<()> {
    let sql = "SELECT result_type FROM projects WHERE id = ?1";
    let solves = value::<String>(tx, sql, [project])?.as_deref() != Some(ResultType::SimilarityScores.name());
    if solves {
        tx.prepare_cached("UPDATE runs SET stage = 3 WHERE id = ?1 AND state = 'running'")?.execute([run])?;
    }
    let task = NewTask {
        kind: TaskKind::Finish,
        project,
        run: Some(run),
        comparison: Some(comparison),
        number: 0,
        payload: "{}",
        comparisons: 0,
        cause: None,
    };
    enqueue(tx, task, now)
}

/// Ends a run with an error. Final runs stay as they are.
pub(super) fn fail_run(tx: &Connection, run: &str, message: &str, now: i64) -> DbResult<()> {
    let sql = "UPDATE runs SET state = 'error', message = ?2, time_completed = ?3
               WHERE id = ?1 AND state NOT IN ('completed', 'error') RETURNING comparison_id, project_id";
    let failed = first(tx, sql, params![run, message, now], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, String>(1)?))
    })?;
    tx.prepare_cached("DELETE FROM tasks WHERE run_id = ?1")?.execute([run])?;
    let Some((comparison, project)) = failed else { return Ok(()) };
    audit::append(tx, &Event::done(Actor::SERVICE, Action::RunFailed, project).run(run), now)?;
    match comparison {
        Some(comparison) => {
            tx.prepare_cached("UPDATE runs SET comparison_id = NULL WHERE id = ?1")?.execute([run])?;
            drop_comparison_if_unused(tx, comparison)
        }
        None => Ok(()),
    }
}

/// Ends a comparison, and all runs that wait for it, with an error.
pub(super) fn fail_comparison(tx: &Connection, comparison: i64, message: &str, now: i64) -> DbResult<()> {
    tx.prepare_cached("UPDATE comparisons SET state = 'failed' WHERE id = ?1 AND state = 'open'")?
        .execute([comparison])?;
    let sql = "SELECT id FROM runs WHERE comparison_id = ?1 AND state NOT IN ('completed', 'error')";
    for run in collect(tx, sql, [comparison], |row| Ok(row.get::<_, String>(0)?))? {
        fail_run(tx, &run, message, now)?;
    }
    Ok(())
}

/// Ends all runs of a project with an error, and marks the project.
pub(super) fn fail_project(tx: &Connection, project: &str, message: &str, now: i64) -> DbResult<()> {
    tx.prepare_cached("UPDATE projects SET error = ?2, time_failed = ?3 WHERE id = ?1 AND error IS NULL")?
        .execute(params![project, message, now])?;
    let sql = "SELECT id FROM runs WHERE project_id = ?1 AND state NOT IN ('completed', 'error')";
    for run in collect(tx, sql, [project], |row| Ok(row.get::<_, String>(0)?))? {
        fail_run(tx, &run, message, now)?;
    }
    Ok(())
}

/// Turns a party whose data could not be brought in, and with it the project, to error.
pub(super) fn fail_party(
    tx: &Connection,
    project: &str,
    party: u16,
    message: &str,
    now: i64,
) -> DbResult<()> {
    let sql =
        "UPDATE parties SET state = 'error' WHERE project_id = ?1 AND party = ?2 AND state = 'ingesting'";
    if tx.prepare_cached(sql)?.execute(params![project, party])? == 1 {
        uploads::note_ingested(tx, project, party, None, now)?;
    }
    fail_project(tx, project, message, now)
}

/// Removes a comparison that no run refers to any more; its tasks go with it, its candidate files are doomed.
pub(super) fn drop_comparison_if_unused(tx: &Connection, comparison: i64) -> DbResult<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE comparison_id = ?1)";
    if value::<bool>(tx, sql, [comparison])?.unwrap_or(false) {
        return Ok(());
    }
    tx.prepare_cached(
        "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL
         WHERE name IN (SELECT object FROM candidate_files WHERE comparison_id = ?1)",
    )?
    .execute([comparison])?;
    tx.prepare_cached("DELETE FROM comparisons WHERE id = ?1")?.execute([comparison])?;
    Ok(())
}

/// Removes a run, what only it needed, and dooms its result.
pub(super) fn delete_run(tx: &Connection, project: &str, run: &str, now: i64) -> DbResult<bool> {
    let sql = "SELECT comparison_id, result, state FROM runs WHERE id = ?1 AND project_id = ?2";
    let found = first(tx, sql, [run, project], |row| {
        let (comparison, result): (Option<i64>, Option<String>) =
            (row.get("comparison_id")?, row.get("result")?);
        Ok((comparison, result, row.get::<_, String>("state")?))
    })?;
    let Some((comparison, result, state)) = found else { return Ok(false) };
    if let Some(result) = result {
        for object in json::<RunResult>(&result, "result")?.objects() {
            doom_object(tx, object)?;
        }
    }
    tx.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run])?;
    if let Some(comparison) = comparison {
        drop_comparison_if_unused(tx, comparison)?;
    }
    let creator = audit::holder(tx, project, TokenKind::Result)?;
    let event = Event::done(creator, Action::RunDeleted, project).run(run).detail("state", state);
    audit::append(tx, &event, now)?;
    Ok(true)
}

/// Removes a project with all rows that hang on it, dooms all its objects, and ends its chain of the audit trail.
pub(super) fn delete_project(tx: &Connection, project: &str, why: Action, now: i64) -> DbResult<bool> {
    let actor = match why {
        Action::ProjectDeleted => audit::holder(tx, project, TokenKind::Result)?,
        _ => Actor::SERVICE,
    };
    // Runs refer to comparisons without a cascade (a comparison in use must not vanish), so the order matters.
    tx.prepare_cached("DELETE FROM runs WHERE project_id = ?1")?.execute([project])?;
    let deleted = tx.prepare_cached("DELETE FROM projects WHERE id = ?1")?.execute([project])?;
    tx.prepare_cached(
        "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL WHERE project_id = ?1",
    )?
    .execute([project])?;
    if deleted > 0 {
        audit::append(tx, &Event::done(actor, why, project), now)?;
    }
    Ok(deleted > 0)
}

fn doom_object(tx: &Connection, name: &str) -> DbResult<()> {
    tx.prepare_cached("UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL WHERE name = ?1")?
        .execute([name])?;
    Ok(())
}

/// Dooms whatever was registered under a lease and has not become live.
pub(super) fn doom_objects_of(tx: &Connection, lease: &[u8]) -> DbResult<()> {
    tx.prepare_cached("UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL WHERE lease = ?1")?
        .execute([lease])?;
    Ok(())
}

/// Makes objects live that were registered under this lease; if one was not (any more) then none, and false.
pub(super) fn enliven_objects(tx: &Connection, names: &[&str], lease: &[u8]) -> DbResult<bool> {
    let sql = "SELECT 1 FROM objects WHERE name = ?1 AND lease = ?2 AND state = 'writing'";
    for name in names {
        if value::<i64>(tx, sql, params![name, lease])?.is_none() {
            return Ok(false);
        }
    }
    let mut enliven =
        tx.prepare_cached("UPDATE objects SET state = 'live', lease = NULL, expires = NULL WHERE name = ?1")?;
    for name in names {
        enliven.execute([name])?;
    }
    Ok(true)
}
