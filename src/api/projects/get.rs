//! `GET /projects/{project_id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{ProjectId, ResultType, Timestamp};

/// A project as its creator described it, and how far it has come.
#[derive(Serialize)]
pub struct Description {
    project_id: ProjectId,
    name: String,
    notes: String,
    schema: serde_json::Value,
    result_type: ResultType,
    number_parties: u16,
    uses_blocking: bool,
    parties_contributed: u16,
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    warnings: Vec<String>,
    time_added: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// Describes a project.
///
/// # Errors
/// 403 without a right to it.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Description>, ApiError> {
    let caller = Caller::reader(&state, &target.project, &headers).await?;
    let project = state.db.project(caller.project).await?.ok_or(ApiError::NoAccess)?;
    caller.may_read(project.result_type)?;
    Ok(Json(Description {
        project_id: project.id,
        name: project.name,
        notes: project.notes,
        schema: project.schema,
        result_type: project.result_type,
        number_parties: project.parties,
        uses_blocking: project.uses_blocking,
        parties_contributed: project.parties_contributed,
        error: project.error.is_some(),
        message: project.error,
        warnings: project.warnings,
        time_added: project.time_added,
        expires_at: project.expires,
    }))
}
