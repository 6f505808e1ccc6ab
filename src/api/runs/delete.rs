//! `DELETE /projects/{project_id}/runs/{run_id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;

/// Deletes a run, and stops it if it runs: its tasks notice at their next heartbeat.
///
/// # Errors
/// 403 without the right, and if there is no such run.
pub async fn delete(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let run = target.run.parse().map_err(|_| ApiError::NoAccess)?;
    match state.db.delete_run(project, run).await? {
        true => {
            state.cache.mark_cancelled();
            Ok(StatusCode::NO_CONTENT)
        }
        false => Err(ApiError::NoAccess),
    }
}
