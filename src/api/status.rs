//! `GET /status`: a sign of life with two figures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::problem::ApiError;
use super::state::ApiState;
use crate::domain::Timestamp;

/// How old the answer may be. Long enough to make polling cheap, short enough that nobody notices.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    status: &'static str,
    project_count: u64,
    rate: u64,
}

/// The last answer.
#[derive(Debug, Default)]
pub struct StatusCache {
    last: Mutex<Option<(Timestamp, Status)>>,
}

impl StatusCache {
    /// Forgets the answer: something it tells has changed.
    pub fn clear(&self) {
        self.set(None);
    }

    fn get(&self, now: Timestamp) -> Option<Status> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes the answer look newer than now: then it is of no use.
        last.filter(|(at, _)| *at <= now && now <= at.after(MAX_AGE)).map(|(_, status)| status)
    }

    fn set(&self, last: Option<(Timestamp, Status)>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

/// Number of projects and comparisons per second.
///
/// # Errors
/// 500 if the metadata store is out of reach.
pub async fn get(State(state): State<Arc<ApiState>>) -> Result<Json<Status>, ApiError> {
    let now = state.clock.now();
    if let Some(status) = state.status.get(now) {
        return Ok(Json(status));
    }
    let failed = |error| ApiError::Db(error).into_outage();
    let project_count = state.db.count_projects().await.map_err(failed)?;
    let rate = state.db.comparison_rate().await.map_err(failed)?;
    let status = Status { status: "ok", project_count, rate };
    state.status.set(Some((now, status)));
    Ok(Json(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_age() {
        let cache = StatusCache::default();
        let status = Status { status: "ok", project_count: 3, rate: 7 };
        cache.set(Some((Timestamp(5_000_000), status)));
        assert_eq!(cache.get(Timestamp(6_000_000)), Some(status));
        assert_eq!(cache.get(Timestamp(6_000_001)), None);
        assert_eq!(cache.get(Timestamp(4_999_999)), None, "the clock was set back");
        cache.clear();
        assert_eq!(cache.get(Timestamp(5_000_000)), None);
    }
}
