//! `GET /projects/{project_id}/runs/{run_id}/status`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::runs::RunRecord;
use crate::domain::progress::Progress;
use crate::domain::{RunState, Stage, Timestamp, TokenKind};

/// Steps in which a party sees the comparing advance.
const PARTY_STEPS: f64 = 20.0;

/// How far a run has come.
#[derive(Debug, Serialize)]
pub struct Status {
    state: RunState,
    time_added: Timestamp,
    stages: u8,
    current_stage: CurrentStage,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_started: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_completed: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_number_comparisons: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The stage at work.
#[derive(Debug, Serialize)]
struct CurrentStage {
    number: u8,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<StageProgress>,
}

/// How much of it is done.
#[derive(Debug, Serialize)]
struct StageProgress {
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute: Option<u64>,
    relative: f64,
    description: &'static str,
}

/// Tells how far a run has come.
///
/// # Errors
/// 403 without the right, and if there is no such run.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Status>, ApiError> {
    let caller = Caller::reader(&state, &target.project, &headers).await?;
    let mut run = caller.run(&state, &target.run).await?;
    if let (RunState::Running, Stage::Compare, Some(comparison), Some(total)) =
        (run.state, run.stage, run.comparison, run.comparisons_total)
    {
        let done = run.comparisons_done;
        run.comparisons_done = state.cache.progress(run.project, comparison, done, total).await;
    }
    let status = status(run);
    Ok(Json(match caller.kind {
        TokenKind::Receipt { .. } => status.for_party(),
        _ => status,
    }))
}

impl Status {
    /// What a party may see. The number of comparisons is a sum over the other party's blocks, and with a rate or times it could be
    /// reckoned: a party that chooses its own blocks well would read the other's off it.
    fn for_party(mut self) -> Self {
        self.time_started = None;
        self.time_completed = None;
        self.total_number_comparisons = None;
        let stage = &mut self.current_stage;
        if let Some(progress) = stage.progress.as_mut().filter(|_| stage.number == Stage::Compare.number()) {
            progress.absolute = None;
            progress.relative = (progress.relative * PARTY_STEPS).floor() / PARTY_STEPS;
        }
        self
    }
}

/// The status of a run.
fn status(run: RunRecord) -> Status {
    let stages = run.result_type.stages();
    let stage = run.stage.shown(run.state, stages);
    let done = run.state == RunState::Completed;
    let progress = match stage {
        Stage::WaitingForClks => Some(Progress::of(run.parties_contributed.into(), run.parties.into())),
        Stage::Compare => Some(match run.comparisons_total {
            Some(total) => Progress::of(if done { total } else { run.comparisons_done }, total),
            None => Progress { absolute: 0, relative: 0.0 },
        }),
        Stage::Output => None,
    };
    let described = |Progress { absolute, relative }| {
        let description = stage.progress_description();
        StageProgress { absolute: Some(absolute), relative, description }
    };
    Status {
        state: run.state,
        time_added: run.time_added,
        stages,
        current_stage: CurrentStage {
            number: stage.number(),
            description: stage.description(),
            progress: progress.map(described),
        },
        time_started: run.time_started,
        time_completed: run.time_completed,
        total_number_comparisons: if done { run.comparisons_total } else { None },
        message: run.message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ProjectId, ResultType, RunId};
    use serde_json::{Value, json};

    fn run(state: RunState, stage: Stage) -> RunRecord {
        RunRecord {
            id: RunId::from_random([1; 24]),
            project: ProjectId::from_random([2; 24]),
            result_type: ResultType::Groups,
            threshold: 0.8,
            name: String::new(),
            notes: String::new(),
            state,
            stage,
            parties: 4,
            parties_contributed: 3,
            comparison: None,
            comparisons_total: None,
            comparisons_done: 0,
            time_added: Timestamp(0),
            time_started: None,
            time_completed: None,
            message: None,
            result: None,
        }
    }

    fn shown(run: RunRecord) -> Value {
        serde_json::to_value(status(run)).unwrap()
    }

    #[test]
    fn a_waiting_run_counts_parties() {
        let expected = json!({
            "state": "created",
            "time_added": "1970-01-01T00:00:00.000000Z",
            "stages": 3,
            "current_stage": {
                "number": 1,
                "description": "waiting for CLKs",
                "progress": {"absolute": 3, "relative": 0.75, "description": "number of parties already contributed"},
            },
        });
        assert_eq!(shown(run(RunState::Created, Stage::WaitingForClks)), expected);
    }

    #[test]
    fn stage_and_progress_never_go_back() {
        let queued = RunRecord { parties_contributed: 4, ..run(RunState::Queued, Stage::WaitingForClks) };
        let planning = RunRecord { state: RunState::Running, ..queued.clone() };
        let at_work = RunRecord {
            stage: Stage::Compare,
            comparisons_total: Some(100),
            comparisons_done: 25,
            ..planning.clone()
        };
        let output = RunRecord { stage: Stage::Output, comparisons_done: 100, ..at_work.clone() };
        let completed = RunRecord { state: RunState::Completed, ..output.clone() };
        let mut last = (0, 0.0);
        for run in
            [run(RunState::Created, Stage::WaitingForClks), queued, planning, at_work, output, completed]
        {
            let current = &shown(run)["current_stage"];
            let relative = current["progress"]["relative"].as_f64().unwrap_or(1.0);
            let next = (current["number"].as_u64().unwrap(), relative);
            assert!(next > last || next == (3, 1.0), "{next:?} after {last:?}");
            last = next;
        }
    }

    #[test]
    fn similarity_scores_end_with_the_second_stage() {
        let mut completed = run(RunState::Completed, Stage::Compare);
        completed.result_type = ResultType::SimilarityScores;
        completed.comparisons_total = Some(12);
        let shown = shown(completed);
        assert_eq!(shown["stages"], 2);
        assert_eq!(shown["total_number_comparisons"], 12);
        assert_eq!(shown["current_stage"]["number"], 2);
        assert_eq!(shown["current_stage"]["progress"]["relative"], 1.0);
    }

    #[test]
    fn a_party_sees_no_figure_of_the_other_s_data() {
        let at_work = RunRecord {
            comparisons_total: Some(1000),
            comparisons_done: 349,
            time_started: Some(Timestamp(5)),
            ..run(RunState::Running, Stage::Compare)
        };
        let party = |run| serde_json::to_value(status(run).for_party()).unwrap();
        let stage = party(at_work.clone())["current_stage"].clone();
        assert_eq!(
            stage["progress"],
            json!({"relative": 0.3, "description": Stage::Compare.progress_description()})
        );
        let done = RunRecord {
            state: RunState::Completed,
            stage: Stage::Output,
            time_completed: Some(Timestamp(9)),
            ..at_work.clone()
        };
        for run in [done, RunRecord { state: RunState::Error, ..at_work }] {
            let shown = party(run);
            for member in ["time_started", "time_completed", "total_number_comparisons"] {
                assert!(shown.get(member).is_none(), "{shown}");
            }
        }
        // Parties that have contributed are counted for all.
        let waiting = party(run(RunState::Created, Stage::WaitingForClks));
        assert_eq!(waiting["current_stage"]["progress"]["absolute"], 3);
    }

    #[test]
    fn a_failed_run_says_why() {
        let failed =
            RunRecord { message: Some("too much".to_owned()), ..run(RunState::Error, Stage::Compare) };
        let shown = shown(failed);
        assert_eq!((shown["state"].clone(), shown["message"].clone()), (json!("error"), json!("too much")));
        assert_eq!(shown["current_stage"]["progress"]["relative"], 0.0);
    }
}
