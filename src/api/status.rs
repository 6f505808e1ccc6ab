//! `GET /status`: a sign of life with two figures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::ApiError;
use super::state::ApiState;
use crate::cache::CachedStatus;

/// A rate by its first digit. Beside the time that a run took, an exact one would tell anybody its number of comparisons, which is a figure
/// of the parties' blocks.
fn rounded(rate: u64) -> u64 {
    let unit = 10_u64.pow(rate.checked_ilog10().unwrap_or(0));
    (rate / unit) * unit
}

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
            let rate = rounded(state.db.comparison_rate().await.map_err(failed)?);
            let document = json!({"status": "ok", "project_count": project_count, "rate": rate}).to_string();
            state.cache.keep_status(now, &document, generation).await;
            document
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn a_rate_keeps_its_first_digit() {
        let rates = [0, 7, 10, 19, 2_345_678, u64::MAX];
        assert_eq!(rates.map(rounded), [0, 7, 10, 10, 2_000_000, 10_000_000_000_000_000_000]);
    }
}
