//! `GET /projects/{project_id}/runs`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::paging::{self, list};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{RunId, RunState, Timestamp};

/// A run in the list.
#[derive(Serialize)]
struct Entry {
    run_id: RunId,
    time_added: Timestamp,
    state: RunState,
}

impl paging::Entry for Entry {
    fn place(&self) -> (Timestamp, String) {
        (self.time_added, self.run_id.to_string())
    }
}

/// The project's runs, oldest first; with `limit` a part of them.
///
/// # Errors
/// 403 without the right, 400 for a part that makes no sense.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let project = Caller::creator(&state, &target.project, &headers).await?;
    let db = state.db.clone();
    let fetch = move |page| -> futures::future::BoxFuture<'static, _> {
        let db = db.clone();
        Box::pin(async move {
            let runs = db.list_runs(project, page).await?.into_iter();
            Ok(runs.map(|(run_id, time_added, state)| Entry { run_id, time_added, state }).collect())
        })
    };
    list(&uri, Arc::new(fetch)).await
}
