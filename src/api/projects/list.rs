//! `GET /projects`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use crate::api::auth;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{ProjectId, Timestamp};

/// A project in the list.
#[derive(Serialize)]
pub struct Entry {
    project_id: ProjectId,
    time_added: Timestamp,
}

/// All projects, oldest first.
///
/// # Errors
/// 400 or 403 if the operator wants a token for this.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
) -> Result<Json<Vec<Entry>>, ApiError> {
    auth::operator(state.settings.project_list_token.as_ref(), &headers)?;
    let projects = state.db.list_projects().await?;
    Ok(Json(projects.into_iter().map(|(project_id, time_added)| Entry { project_id, time_added }).collect()))
}
