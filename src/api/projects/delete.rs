//! `DELETE /projects/{project_id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;

/// Deletes a project. Its rows are gone at once; running tasks notice at their next heartbeat, objects are left to the sweeper.
///
/// # Errors
/// 403 without the right, and for a project that is gone already.
pub async fn delete(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let deleted = state.db.delete_project(project).await?;
    state.cache.clear_status().await;
    state.cache.forget_project(project).await;
    match deleted {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NoAccess),
    }
}
