//! Changes of state that more than one method makes, each within its caller's transaction, which holds the project.

use serde::{Deserialize, Serialize};

use super::audit;
use super::rows::{get, json, params};
use super::transaction::Tx;
use crate::db::DbResult;
use crate::db::runs::RunResult;
use crate::domain::audit::{Action, Actor, Event, Outcome};
use crate::domain::task::PAYLOAD_VERSION;
use crate::domain::{ResultType, TaskKind, TokenKind};
use crate::telemetry::trace;

/// How far in the queue a task's place lies behind that of its predecessor in the same stage: a minute, in microseconds.
pub(super) const PLACE_STEP: i64 = 60_000_000;

/// Payload of an `ingest` task.
#[derive(Serialize, Deserialize)]
pub(super) struct Source {
    pub party: u16,
    pub source: String,
}

/// Enqueues the task that brings in a party's data.
pub(super) async fn enqueue_ingest(tx: &Tx, project: &str, payload: &str, now: i64) -> DbResult<()> {
    let sql = "INSERT INTO tasks (kind, queue, state, project_id, payload_version, payload, place, run_after, traceparent)
               VALUES ($1, $2, 'ready', $3, $4, $5, $6, $6, $7)";
    let kind = TaskKind::Ingest;
    let (version, traceparent) = (i64::from(PAYLOAD_VERSION), trace::current());
    tx.run(sql, params![kind.name(), kind.queue().name(), project, version, payload, now, traceparent]).await
}

/// Queues all created runs of a project, and enqueues their plans, if all its data are there. Returns how many.
pub(super) async fn queue_runs_if_complete(tx: &Tx, project: &str, now: i64) -> DbResult<usize> {
    let sql = "
        WITH queued AS (
            UPDATE runs SET state = 'queued', traceparent = $6 WHERE project_id = $1 AND state = 'created'
                AND NOT EXISTS (SELECT FROM parties WHERE project_id = $1 AND state <> 'ready')
            RETURNING id, time_added)
        INSERT INTO tasks (kind, queue, state, project_id, run_id, payload_version, payload, place, run_after, traceparent)
        SELECT $2, $3, 'ready', $1, id, $4, '{}', $5, $5, $6 FROM queued ORDER BY time_added, id
        RETURNING 1";
    let (kind, queue) = (TaskKind::Plan.name(), TaskKind::Plan.queue().name());
    let (version, traceparent) = (i64::from(PAYLOAD_VERSION), trace::current());
    let values = params![project, kind, queue, version, now, traceparent];
    Ok(tx.query(sql, values).await?.len())
}

/// Moves running runs whose candidates are complete on to their output: one of them, or all that wait for the comparison. Each goes
/// on with the trace that it began in. The commit is synced: clients see the stage, which must not go back when the server crashes.
pub(super) async fn enqueue_finish(tx: &Tx, comparison: i64, run: Option<&str>, now: i64) -> DbResult<()> {
    let sql = "
        WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'on', true)),
        waiting AS (
            SELECT r.id, r.project_id, r.time_added, r.traceparent, p.result_type
            FROM setting, runs r JOIN projects p ON p.id = r.project_id
            WHERE r.comparison_id = $1 AND r.state = 'running' AND r.id = coalesce($2, r.id)),
        staged AS (
            UPDATE runs SET stage = 3 FROM waiting WHERE runs.id = waiting.id AND waiting.result_type <> $3)
        INSERT INTO tasks (kind, queue, state, project_id, run_id, comparison_id, payload_version, payload, place, run_after,
                           traceparent)
        SELECT $4, $5, 'ready', project_id, id, $1, $6, '{}', $7, $7, traceparent FROM waiting ORDER BY time_added, id";
    let (kind, queue) = (TaskKind::Finish.name(), TaskKind::Finish.queue().name());
    let (two_stages, version) = (ResultType::SimilarityScores.name(), i64::from(PAYLOAD_VERSION));
    let values = params![comparison, run, two_stages, kind, queue, version, now];
    tx.run(sql, values).await
}

/// Ends a run with an error. Final runs stay as they are.
pub(super) async fn fail_run(tx: &Tx, run: &str, message: &str, now: i64) -> DbResult<()> {
    let sql = "
        WITH before AS (SELECT id, comparison_id FROM runs WHERE id = $1)
        UPDATE runs SET state = 'error', message = $2, time_completed = $3, comparison_id = NULL
        FROM before WHERE runs.id = before.id AND state NOT IN ('completed', 'error')
        RETURNING before.comparison_id AS comparison, project_id";
    let failed = tx.first(sql, params![run, message, now]).await?;
    tx.run("DELETE FROM tasks WHERE run_id = $1", params![run]).await?;
    let Some(failed) = failed else { return Ok(()) };
    tx.note(Event::done(Actor::SERVICE, Action::RunFailed, get::<String>(&failed, "project_id")?).run(run));
    match get::<Option<i64>>(&failed, "comparison")? {
        Some(comparison) => drop_comparison_if_unused(tx, comparison).await,
        None => Ok(()),
    }
}

/// Ends a comparison, and all runs that wait for it, with an error.
pub(super) async fn fail_comparison(tx: &Tx, comparison: i64, message: &str, now: i64) -> DbResult<()> {
    let sql = "UPDATE comparisons SET state = 'failed' WHERE id = $1 AND state = 'open'";
    tx.run(sql, params![comparison]).await?;
    let sql = "SELECT id FROM runs WHERE comparison_id = $1 AND state NOT IN ('completed', 'error')";
    for row in tx.query(sql, params![comparison]).await? {
        fail_run(tx, get(&row, "id")?, message, now).await?;
    }
    Ok(())
}

/// Ends all runs of a project with an error, and marks the project.
pub(super) async fn fail_project(tx: &Tx, project: &str, message: &str, now: i64) -> DbResult<()> {
    let sql = "UPDATE projects SET error = $2, time_failed = $3 WHERE id = $1 AND error IS NULL";
    tx.run(sql, params![project, message, now]).await?;
    let sql = "SELECT id FROM runs WHERE project_id = $1 AND state NOT IN ('completed', 'error')";
    for row in tx.query(sql, params![project]).await? {
        fail_run(tx, get(&row, "id")?, message, now).await?;
    }
    Ok(())
}

/// Turns a party whose data could not be brought in, and with it the project, to error.
pub(super) async fn fail_party(tx: &Tx, project: &str, party: u16, message: &str, now: i64) -> DbResult<()> {
    let sql =
        "UPDATE parties SET state = 'error' WHERE project_id = $1 AND party = $2 AND state = 'ingesting'";
    let failed = tx.query(&format!("{sql} RETURNING 1"), params![project, i64::from(party)]).await?;
    if !failed.is_empty() {
        note_ingested(tx, project, party, None);
    }
    fail_project(tx, project, message, now).await
}

/// Records what came of bringing in a party's data: how many encodings there are, if they are good.
pub(super) fn note_ingested(tx: &Tx, project: &str, party: u16, encodings: Option<u32>) {
    let mut event = Event::done(Actor::SERVICE, Action::UploadIngested, project).detail("party", party);
    if encodings.is_none() {
        event.outcome = Outcome::Failed;
    }
    tx.note(event.detail("encodings", encodings));
}

/// Removes a comparison that no run refers to any more; its tasks go with it, its candidate files are doomed.
pub(super) async fn drop_comparison_if_unused(tx: &Tx, comparison: i64) -> DbResult<()> {
    let sql = "
        SELECT ARRAY(SELECT object FROM candidate_files WHERE comparison_id = $1) AS objects
        WHERE NOT EXISTS (SELECT FROM runs WHERE comparison_id = $1)";
    let Some(row) = tx.first(sql, params![comparison]).await? else { return Ok(()) };
    let objects: Vec<String> = get(&row, "objects")?;
    tx.run("DELETE FROM comparisons WHERE id = $1", params![comparison]).await?;
    doom_objects(tx, objects).await
}

/// Removes a run, what only it needed, and dooms its result.
pub(super) async fn delete_run(tx: &Tx, project: &str, run: &str) -> DbResult<bool> {
    tx.lock_project(project).await?;
    let sql = "DELETE FROM runs WHERE id = $1 AND project_id = $2 RETURNING comparison_id, result, state";
    let Some(row) = tx.first(sql, params![run, project]).await? else { return Ok(false) };
    let creator = audit::holder(tx, project, TokenKind::Result).await?;
    let state: &str = get(&row, "state")?;
    tx.note(Event::done(creator, Action::RunDeleted, project).run(run).detail("state", state));
    if let Some(comparison) = get(&row, "comparison_id")? {
        drop_comparison_if_unused(tx, comparison).await?;
    }
    if let Some(result) = get(&row, "result")? {
        let result: RunResult = json(result, "result")?;
        doom_objects(tx, result.objects().into_iter().map(str::to_owned).collect()).await?;
    }
    Ok(true)
}

/// Whether a project is there only because nobody has cleared it away yet.
pub(super) async fn has_expired(tx: &Tx, project: &str) -> DbResult<bool> {
    let sql = "SELECT 1 FROM projects WHERE id = $1 AND expires <= now_micros()";
    Ok(tx.first(sql, params![project]).await?.is_some())
}

/// Removes a project with all rows that hang on it, dooms all its objects, and ends its chain of the audit trail. The caller holds
/// the project.
pub(super) async fn delete_project(tx: &Tx, project: &str, why: Action) -> DbResult<bool> {
    let actor = match why {
        Action::ProjectDeleted => audit::holder(tx, project, TokenKind::Result).await?,
        _ => Actor::SERVICE,
    };
    // Runs refer to comparisons without a cascade (a comparison in use must not vanish), so the order matters.
    tx.run("DELETE FROM runs WHERE project_id = $1", params![project]).await?;
    let deleted = tx.query("DELETE FROM projects WHERE id = $1 RETURNING 1", params![project]).await?;
    let sql = doom("project_id = $1");
    tx.run(&sql, params![project]).await?;
    if !deleted.is_empty() {
        tx.note(Event::done(actor, why, project));
    }
    Ok(!deleted.is_empty())
}

/// A statement that dooms the objects of a condition; in the order of their names, so that two such never wait for each other.
fn doom(condition: &str) -> String {
    format!(
        "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL WHERE name IN (
             SELECT name FROM objects WHERE state <> 'doomed' AND {condition} ORDER BY name FOR UPDATE)"
    )
}

async fn doom_objects(tx: &Tx, names: Vec<String>) -> DbResult<()> {
    tx.run(&doom("name = ANY ($1)"), params![names]).await
}

/// Dooms whatever was registered under a lease and has not become live.
pub(super) async fn doom_objects_of(tx: &Tx, lease: &[u8]) -> DbResult<()> {
    tx.run(&doom("lease = $1"), params![lease]).await
}

/// Makes objects live that were registered under this lease; if one was not (any more) then none, and false.
pub(super) async fn enliven_objects(tx: &Tx, names: Vec<&str>, lease: &[u8]) -> DbResult<bool> {
    let sql = "
        WITH written AS (
            SELECT name FROM objects WHERE name = ANY ($1) AND lease = $2 AND state = 'writing' ORDER BY name FOR UPDATE)
        UPDATE objects SET state = 'live', lease = NULL, expires = NULL
        WHERE name IN (SELECT name FROM written) AND (SELECT count(*) FROM written) = $3 RETURNING 1";
    let wanted = names.len();
    Ok(tx.query(sql, params![names, lease, wanted as i64]).await?.len() == wanted)
}
