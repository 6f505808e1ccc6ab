//! Runs as the API sees them.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::rows::{get, json, number, params, parsed, text};
use super::{PostgresDb, audit, transitions};
use crate::db::runs::{ComparisonScores, CreateRun, NewRun, RunRecord, Runs};
use crate::db::{DbError, DbResult, ListPage};
use crate::domain::audit::{Action, Event};
use crate::domain::{ComparisonId, ProjectId, RunId, RunState, Stage, Timestamp, TokenKind};

const SELECT_RUN: &str = "
    SELECT r.*, p.result_type, p.parties, c.total, c.done,
           (SELECT count(*) FROM parties WHERE project_id = p.id AND state = 'ready') AS parties_contributed
    FROM runs r JOIN projects p ON p.id = r.project_id LEFT JOIN comparisons c ON c.id = r.comparison_id
    WHERE r.id = $1 AND r.project_id = $2";

const RATE: &str = "
    SELECT sum(total)::float8 AS total, sum(duration)::float8 AS micros FROM (
        SELECT c.total, r.time_completed - r.time_started AS duration
        FROM runs r JOIN comparisons c ON c.id = r.comparison_id
        WHERE r.state = 'completed' ORDER BY r.time_completed DESC LIMIT 100) AS latest";

fn run_record(row: &Row) -> DbResult<RunRecord> {
    let stage: i64 = get(row, "stage")?;
    let result: Option<&str> = get(row, "result")?;
    Ok(RunRecord {
        id: parsed(row, "id")?,
        project: parsed(row, "project_id")?,
        result_type: parsed(row, "result_type")?,
        threshold: get(row, "threshold")?,
        name: get(row, "name")?,
        notes: get(row, "notes")?,
        state: parsed(row, "state")?,
        stage: Stage::from_number(stage).ok_or_else(|| DbError::Corrupt(format!("stage {stage}")))?,
        parties: number(row, "parties")?,
        parties_contributed: number(row, "parties_contributed")?,
        comparison: get::<Option<i64>>(row, "comparison_id")?.map(ComparisonId),
        comparisons_total: get::<Option<i64>>(row, "total")?.map(i64::unsigned_abs),
        comparisons_done: get::<Option<i64>>(row, "done")?.unwrap_or(0).unsigned_abs(),
        time_added: Timestamp(get(row, "time_added")?),
        time_started: get::<Option<i64>>(row, "time_started")?.map(Timestamp),
        time_completed: get::<Option<i64>>(row, "time_completed")?.map(Timestamp),
        message: get(row, "message")?,
        result: result.map(|text| json(text, "result")).transpose()?,
    })
}

#[async_trait]
impl Runs for PostgresDb {
    async fn create_run(&self, project: ProjectId, run: &NewRun) -> DbResult<CreateRun> {
        let (project, id) = (project.to_string(), run.id.to_string());
        let (name, notes) = (text(&run.name), text(&run.notes));
        let (project, id, name, notes) = (&*project, &*id, &*name, &*notes);
        self.transaction("create_run", |tx| async move {
            let now = tx.lock_project(project).await?;
            let sql =
                "SELECT error FROM projects WHERE id = $1 AND (expires IS NULL OR expires > now_micros())";
            match tx.first(sql, params![project]).await? {
                None => return Ok(CreateRun::Gone),
                Some(row) => {
                    if let Some(error) = get(&row, "error")? {
                        return Ok(CreateRun::ProjectInError(error));
                    }
                }
            }
            let sql = "SELECT count(*) AS runs, count(*) FILTER (WHERE state NOT IN ('completed', 'error')) AS at_work FROM runs
                       WHERE project_id = $1";
            if let Some(row) = tx.first(sql, params![project]).await?
                && let Some(refused) = run.limits.refuse(number(&row, "runs")?, number(&row, "at_work")?)
            {
                return Ok(refused);
            }
            let sql = "INSERT INTO runs (id, project_id, name, notes, threshold, state, seed, time_added)
                       VALUES ($1, $2, $3, $4, $5, 'created', $6, $7)";
            let (threshold, seed) = (run.threshold.get(), run.seed.as_slice());
            let values = params![id, project, name, notes, threshold, seed, now];
            tx.run(sql, values).await?;
            let creator = audit::holder(&tx, project, TokenKind::Result).await?;
            tx.note(Event::done(creator, Action::RunCreated, project).run(id));
            let queued = transitions::queue_runs_if_complete(&tx, project, now).await?;
            Ok(CreateRun::Created { queued: queued > 0 })
        })
        .await
    }

    async fn list_runs(
        &self,
        project: ProjectId,
        page: ListPage,
    ) -> DbResult<Vec<(RunId, Timestamp, RunState)>> {
        let sql = "SELECT id, time_added, state FROM runs
                   WHERE project_id = $1 AND (time_added, id) > ($2, $3) ORDER BY time_added, id LIMIT $4";
        let (time, id) = page.after;
        let rows = self.again(sql, params![project.to_string(), time.0, id, i64::from(page.limit)]).await?;
        rows.iter()
            .map(|row| Ok((parsed(row, "id")?, Timestamp(get(row, "time_added")?), parsed(row, "state")?)))
            .collect()
    }

    async fn run(&self, project: ProjectId, run: RunId) -> DbResult<Option<RunRecord>> {
        let row = self.first(SELECT_RUN, params![run.to_string(), project.to_string()]).await?;
        row.as_ref().map(run_record).transpose()
    }

    async fn delete_run(&self, project: ProjectId, run: RunId) -> DbResult<bool> {
        let (project, run) = (project.to_string(), run.to_string());
        let (project, run) = (&*project, &*run);
        self.transaction("delete_run", |tx| async move { transitions::delete_run(&tx, project, run).await })
            .await
    }

    async fn comparison_scores(&self, comparison: ComparisonId) -> DbResult<Option<ComparisonScores>> {
        let sql = "SELECT threshold, candidates,
                          ARRAY(SELECT scores FROM candidate_files WHERE comparison_id = $1) AS scores
                   FROM comparisons WHERE id = $1 AND state = 'complete'";
        let Some(row) = self.first(sql, params![comparison.0]).await? else { return Ok(None) };
        let parts: Vec<Option<&str>> = get(&row, "scores")?;
        let parts = parts.into_iter().map(|text| text.map(|text| json(text, "scores")).transpose());
        let parts = parts.collect::<DbResult<_>>()?;
        Ok(Some(ComparisonScores::sum(get(&row, "threshold")?, number(&row, "candidates")?, parts)))
    }

    async fn comparison_rate(&self) -> DbResult<u64> {
        let Some(row) = self.first(RATE, &[]).await? else { return Ok(0) };
        let (total, micros): (Option<f64>, Option<f64>) = (get(&row, "total")?, get(&row, "micros")?);
        Ok(match (total, micros) {
            (Some(total), Some(micros)) if micros > 0.0 => (total * 1e6 / micros) as u64,
            _ => 0,
        })
    }
}
