//! `POST /projects/{project_id}/runs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::get::Description;
use crate::api::auth::{Caller, Target};
use crate::api::json::Members;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::runs::{CreateRun, NewRun};
use crate::domain::{Queue, RunId, random_bytes};
use crate::matching::threshold::Threshold;

/// Creates a run. It starts as soon as all parties' data are there.
///
/// # Errors
/// 400 for a threshold outside 0…1, 403 without the right, 409 if the project is in error.
pub async fn post(
    State(state): State<Arc<ApiState>>,
    target: Target,
    request: Request,
) -> Result<(StatusCode, Json<Description>), ApiError> {
    let project = Caller::creator(&state, &target.project, request.headers()).await?;
    let members = Members::read(&state, request).await?;
    let threshold = members.required_number("threshold")?;
    let run = NewRun {
        id: RunId::from_random(random_bytes(&*state.random)),
        threshold: Threshold::new(threshold).map_err(|error| ApiError::bad(error.to_string()))?,
        name: members.text("name")?,
        notes: members.text("notes")?,
        seed: random_bytes(&*state.random),
    };
    match state.db.create_run(project, &run).await? {
        CreateRun::Created { queued } => {
            if queued {
                state.cache.ring(Queue::Default);
            }
            let description = Description { run_id: run.id, threshold, name: run.name, notes: run.notes };
            Ok((StatusCode::CREATED, Json(description)))
        }
        CreateRun::ProjectInError(reason) => {
            Err(ApiError::Conflict(format!("the project is in error, so that it can't be run: {reason}")))
        }
        CreateRun::Gone => Err(ApiError::NoAccess),
    }
}
