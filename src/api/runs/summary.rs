//! `GET /projects/{project_id}/runs/{run_id}/summary`: a result in figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use super::result::completed;
use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::runs::{GroupSize, RunResult};
use crate::domain::report::SCORE_WIDTH;
use crate::domain::{ResultType, TokenKind};

/// A completed run in figures.
#[derive(Serialize)]
pub struct Summary {
    result_type: ResultType,
    threshold: f64,
    comparisons: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Groups>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<u64>,
    scores: Option<Scores>,
}

/// The groups.
#[derive(Serialize)]
struct Groups {
    count: u64,
    /// Absent if the run was completed by an older version.
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<Vec<GroupSize>>,
}

/// Histogram of the candidate pairs by Dice coefficient.
#[derive(Serialize)]
struct Scores {
    floor: f64,
    width: f64,
    counts: Vec<u64>,
    candidates: u64,
}

/// The figures of a completed run.
///
/// # Errors
/// 403 without the right, and if there is no such run; 404 while the run isn't completed, 500 if it failed.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Summary>, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let caller = Caller { project, kind: TokenKind::Result };
    let run = caller.run(&state, &target.run).await?;
    let (groups, matches) = match completed(&run)? {
        RunResult::Groups { groups, sizes, .. } => (Some(Groups { count: groups, sizes }), None),
        RunResult::Permutations { matches, .. } => (None, Some(matches)),
        RunResult::SimilarityScores { .. } => (None, None),
    };
    let found = match run.comparison {
        Some(comparison) => state.db.comparison_scores(comparison).await?,
        None => None,
    };
    let scores = found.and_then(|found| {
        let counts = found.scores?.counts().to_vec();
        Some(Scores { floor: found.threshold, width: SCORE_WIDTH, counts, candidates: found.candidates })
    });
    let (result_type, threshold, comparisons) = (run.result_type, run.threshold, run.comparisons_total);
    Ok(Json(Summary { result_type, threshold, comparisons, groups, matches, scores }))
}
