//! `GET /projects/{project_id}/runs/{run_id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{RunId, TokenKind};

/// A run as it was asked for.
#[derive(Serialize)]
pub struct Description {
    /// Its identifier.
    pub run_id: RunId,
    /// Least Dice coefficient of a candidate pair.
    pub threshold: f64,
    /// A name for people.
    pub name: String,
    /// Notes for people.
    pub notes: String,
}

/// Describes a run.
///
/// # Errors
/// 403 without the right, and if there is no such run.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Description>, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let caller = Caller { project, kind: TokenKind::Result };
    let run = caller.run(&state, &target.run).await?;
    Ok(Json(Description { run_id: run.id, threshold: run.threshold, name: run.name, notes: run.notes }))
}
