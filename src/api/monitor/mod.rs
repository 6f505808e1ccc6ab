//! `GET /monitor`: what an operator wants to see at a glance.
//!
//! The answer is made at most once a second, however many ask: who comes meanwhile waits for the one that is being made. Every
//! question to a store has a time limit, so that there is an answer even if a store gives none. No full identifier and nothing
//! that a client has sent is shown: the monitor may be open to anybody.
//!
//! - `document`: the answer; `health`: whether the stores answer; `rates`: how fast runs go; `redact`: what is shown of messages.

mod document;
mod health;
mod rates;
mod redact;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::auth;
use super::json::JSON;
use super::problem::ApiError;
use super::state::ApiState;
use crate::config::Switch;
use crate::db::monitor::Overview;
use crate::domain::{RunState, Stage};
use document::Document;
use health::{Health, LIMIT, limited};
use rates::Rates;

/// How old an answer may be.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The last answer, and what is remembered for the next.
#[derive(Default)]
pub struct Monitor {
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    answer: Option<(Instant, Bytes)>,
    rates: Rates,
}

/// Queues, workers, runs at work, failures, and the health of the stores.
///
/// # Errors
/// 404 if it is switched off; 400 or 403 if the operator wants a token for it.
pub async fn get(State(state): State<Arc<ApiState>>, headers: HeaderMap) -> Result<Response, ApiError> {
    if state.settings.monitor == Switch::Off {
        return Err(ApiError::SwitchedOff("the monitor is switched off"));
    }
    auth::operator(state.settings.monitor_token.as_ref(), &headers)?;
    let answer = state.monitor.answer(&state).await?;
    Ok(([(CONTENT_TYPE, JSON)], answer).into_response())
}

impl Monitor {
    async fn answer(&self, state: &ApiState) -> Result<Bytes, ApiError> {
        let mut last = self.last.lock().await;
        if let Some((made, answer)) = &last.answer
            && made.elapsed() < MAX_AGE
        {
            return Ok(answer.clone());
        }
        let (health, overview, rate) = tokio::join!(
            Health::look(state),
            limited(state.db.overview()),
            limited(state.db.comparison_rate())
        );
        let overview = match overview {
            Ok(mut overview) => {
                show_live_progress(state, &mut overview).await;
                Some(overview)
            }
            Err(why) => {
                tracing::warn!(why, "the monitor could not be filled");
                None
            }
        };
        let now = overview.as_ref().map_or_else(|| state.clock.now(), |overview| overview.now);
        let document = Document::new(now, health, overview, rate.ok(), &mut last.rates);
        let answer = serde_json::to_vec(&document).map_err(|error| ApiError::Internal(error.to_string()))?;
        let answer = Bytes::from(answer);
        last.answer = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

/// Adds what running tasks have done so far.
async fn show_live_progress(state: &ApiState, overview: &mut Overview) {
    let progress =
        overview.runs.iter_mut().filter_map(|run| match (run.state, run.stage, &mut run.comparison) {
            (RunState::Running, Stage::Compare, Some((comparison, done, total))) => {
                let project = run.project;
                Some(async move { *done = state.cache.progress(project, *comparison, *done, *total).await })
            }
            _ => None,
        });
    // What has not come by then is shown as the metadata store has it.
    let _ = tokio::time::timeout(LIMIT, join_all(progress)).await;
}
