//! Runs as the API sees them.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::projects::has_expired;
use super::rows::{collect, first, json, number, parsed, value};
use super::{SqliteDb, audit, transitions};
use crate::db::runs::{ComparisonScores, CreateRun, NewRun, RunRecord, Runs};
use crate::db::{DbError, DbResult, ListPage};
use crate::domain::audit::{Action, Event};
use crate::domain::{ComparisonId, ProjectId, RunId, RunState, Stage, Timestamp, TokenKind};

const SELECT_RUN: &str = "
    SELECT r.*, p.result_type, p.parties, c.total, c.done,
           (SELECT count(*) FROM parties WHERE project_id = p.id AND state = 'ready') AS parties_contributed
    FROM runs r JOIN projects p ON p.id = r.project_id LEFT JOIN comparisons c ON c.id = r.comparison_id
    WHERE r.id = ?1 AND r.project_id = ?2";

fn run_record(row: &Row) -> DbResult<RunRecord> {
    let stage: i64 = row.get("stage")?;
    let result: Option<String> = row.get("result")?;
    let total: Option<i64> = row.get("total")?;
    let done: Option<i64> = row.get("done")?;
    Ok(RunRecord {
        id: parsed(row, "id")?,
        project: parsed(row, "project_id")?,
        result_type: parsed(row, "result_type")?,
        threshold: row.get("threshold")?,
        name: row.get("name")?,
        notes: row.get("notes")?,
        state: parsed(row, "state")?,
        stage: Stage::from_number(stage).ok_or_else(|| DbError::Corrupt(format!("stage {stage}")))?,
        parties: number(row, "parties")?,
        parties_contributed: number(row, "parties_contributed")?,
        comparison: row.get::<_, Option<i64>>("comparison_id")?.map(ComparisonId),
        comparisons_total: total.map(i64::unsigned_abs),
        comparisons_done: done.unwrap_or(0).unsigned_abs(),
        time_added: Timestamp(row.get("time_added")?),
        time_started: row.get::<_, Option<i64>>("time_started")?.map(Timestamp),
        time_completed: row.get::<_, Option<i64>>("time_completed")?.map(Timestamp),
        message: row.get("message")?,
        result: result.map(|text| json(&text, "result")).transpose()?,
    })
}

#[async_trait]
impl Runs for SqliteDb {
    async fn create_run(&self, project: ProjectId, run: &NewRun) -> DbResult<CreateRun> {
        let run = run.clone();
        self.write(move |tx, now| {
            let project = project.to_string();
            if has_expired(tx, &project, now)? {
                return Ok(CreateRun::Gone);
            }
            let sql = "SELECT error FROM projects WHERE id = ?1";
            match value::<Option<String>>(tx, sql, [&project])? {
                None => return Ok(CreateRun::Gone),
                Some(Some(error)) => return Ok(CreateRun::ProjectInError(error)),
                Some(None) => {}
            }
            let sql = "SELECT count(*) AS runs, count(*) FILTER (WHERE state NOT IN ('completed', 'error')) AS at_work FROM runs
                       WHERE project_id = ?1";
            let counts =
                first(tx, sql, [&project], |row| Ok((number(row, "runs")?, number(row, "at_work")?)))?;
            let (all, at_work) = counts.unwrap_or((0, 0));
            if let Some(refused) = run.limits.refuse(all, at_work) {
                return Ok(refused);
            }
            tx.prepare_cached(
                "INSERT INTO runs (id, project_id, name, notes, threshold, state, seed, time_added)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'created', ?6, ?7)",
            )?
            .execute(params![
                run.id.to_string(),
                project,
                run.name,
                run.notes,
                run.threshold.get(),
                run.seed,
                now
            ])?;
            let creator = audit::holder(tx, &project, TokenKind::Result)?;
            let event = Event::done(creator, Action::RunCreated, &*project).run(run.id.to_string());
            audit::append(tx, &event, now)?;
            let queued = transitions::queue_runs_if_complete(tx, &project, now)?;
            Ok(CreateRun::Created { queued: queued > 0 })
        })
        .await
    }

    async fn list_runs(
        &self,
        project: ProjectId,
        page: ListPage,
    ) -> DbResult<Vec<(RunId, Timestamp, RunState)>> {
        self.read(move |tx| {
            let sql = "SELECT id, time_added, state FROM runs
                       WHERE project_id = ?1 AND (time_added, id) > (?2, ?3) ORDER BY time_added, id LIMIT ?4";
            collect(tx, sql, params![project.to_string(), page.after.0.0, page.after.1, page.limit], |row| {
                Ok((parsed(row, "id")?, Timestamp(row.get("time_added")?), parsed(row, "state")?))
            })
        })
        .await
    }

    async fn run(&self, project: ProjectId, run: RunId) -> DbResult<Option<RunRecord>> {
        self.read(move |tx| first(tx, SELECT_RUN, [run.to_string(), project.to_string()], run_record)).await
    }

    async fn delete_run(&self, project: ProjectId, run: RunId) -> DbResult<bool> {
        let stained = self.stained.clone();
        self.write(move |tx, now| {
            stained.store(true, Ordering::Release);
            transitions::delete_run(tx, &project.to_string(), &run.to_string(), now)
        })
        .await
    }

    async fn comparison_scores(&self, comparison: ComparisonId) -> DbResult<Option<ComparisonScores>> {
        self.read(move |tx| {
            let sql = "SELECT threshold, candidates FROM comparisons WHERE id = ?1 AND state = 'complete'";
            let found = first(tx, sql, [comparison.0], |row| {
                Ok((row.get::<_, f64>("threshold")?, row.get::<_, i64>("candidates")?.unsigned_abs()))
            })?;
            let Some((threshold, candidates)) = found else { return Ok(None) };
            let sql = "SELECT scores FROM candidate_files WHERE comparison_id = ?1";
            let parts = collect(tx, sql, [comparison.0], |row| {
                row.get::<_, Option<String>>("scores")?.map(|text| json(&text, "scores")).transpose()
            })?;
            Ok(Some(ComparisonScores::sum(threshold, candidates, parts)))
        })
        .await
    }

    async fn comparison_rate(&self) -> DbResult<u64> {
        self.read(|tx| {
            let sql = "SELECT sum(total), sum(duration) FROM (
                           SELECT c.total, r.time_completed - r.time_started AS duration
                           FROM runs r JOIN comparisons c ON c.id = r.comparison_id
                           WHERE r.state = 'completed' ORDER BY r.time_completed DESC LIMIT 100)";
            let sums =
                first(tx, sql, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))?;
            Ok(match sums {
                Some((Some(total), Some(micros))) if micros > 0 => {
                    (total as f64 * 1e6 / micros as f64) as u64
                }
                _ => 0,
            })
        })
        .await
    }
}
