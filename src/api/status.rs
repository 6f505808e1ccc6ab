//! `GET /status`: a sign of life with two figures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::ApiError;
use super::state::ApiState;
use crate::cache::CachedStatus;

/// Number of projects and comparisons per second.
///
/// # Errors
/// 500 if the metadata store or the shared cache is out of reach.
pub async fn get(State(state): State<Arc<ApiState>>) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let cached = state.cache.status(now).await;
    let document = match cached.map_err(|error| ApiError::Internal(error.to_string()))? {
        CachedStatus::Document(document) => document,
        CachedStatus::Missing(generation) => {
            let failed = |error| ApiError::Db(error).into_outage();
            let project_count = state.db.count_projects().await.map_err(failed)?;
            let rate = state.db.comparison_rate().await.map_err(failed)?;
            let document = json!({"status": "ok", "project_count": project_count, "rate": rate}).to_string();
            state.cache.keep_status(now, &document, generation).await;
            document
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}
