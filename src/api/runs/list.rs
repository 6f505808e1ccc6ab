//! `GET /projects/{project_id}/runs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{RunId, RunState, Timestamp};

/// A run in the list.
#[derive(Serialize)]
pub struct Entry {
    run_id: RunId,
    time_added: Timestamp,
    state: RunState,
}

/// The project's runs, oldest first.
///
/// # Errors
/// 403 without the right.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Vec<Entry>>, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let runs = state.db.list_runs(project).await?;
    Ok(Json(
        runs.into_iter().map(|(run_id, time_added, state)| Entry { run_id, time_added, state }).collect(),
    ))
}
