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
use crate::db::runs::{CreateRun, NewRun, RunLimits};
use crate::domain::{Queue, RunId, random_bytes};
use crate::matching::threshold::Threshold;

/// Creates a run. It starts as soon as all parties' data are there.
///
/// # Errors
/// 400 for a threshold outside 0…1, 403 without the right, 409 if the project is in error or has too many runs.
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
        limits: RunLimits { all: state.settings.max_runs, at_work: state.settings.max_runs_at_work },
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
        CreateRun::TooMany { limit } => Err(ApiError::Conflict(format!(
            "the project has {limit} runs, which is the most that it may have (MAX_RUNS): delete some"
        ))),
        CreateRun::TooManyAtWork { limit } => Err(ApiError::Conflict(format!(
            "{limit} runs of the project wait or are at work, which is the most at once (MAX_RUNS_AT_WORK): \
             wait until one has ended, or delete one"
        ))),
        CreateRun::Gone => Err(ApiError::NoAccess),
    }
}
