//! Probes for whatever keeps the service running: is the process alive, and can it serve?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::problem::PROBLEM_JSON;
use super::state::ApiState;
use crate::cache::Cache;
use crate::db::Db;

/// `GET /health/live`: the process answers.
pub async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /health/ready`: the metadata store is within reach and its tables fit this binary; 503 otherwise. Without the shared
/// cache the service is `degraded`: slower, and ready all the same.
pub async fn ready(State(state): State<Arc<ApiState>>) -> Response {
    readiness(&*state.db, &state.cache).await
}

/// The answer to a readiness probe, of an API process or a worker.
pub async fn readiness(db: &dyn Db, cache: &Cache) -> Response {
    let detail = match db.schema_status().await {
        Ok(schema) if schema.fits() => {
            let document = match cache.degraded() {
                None => json!({"status": "ok"}),
                Some(detail) => {
                    json!({"status": "degraded", "detail": format!("Redis is out of reach: {detail}")})
                }
            };
            return Json(document).into_response();
        }
        Ok(schema) => schema.advice(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            "the metadata store is out of reach".to_owned()
        }
    };
    let document = json!({"type": "about:blank", "title": "Not Ready", "status": 503, "detail": detail});
    let content_type = [("content-type", PROBLEM_JSON)];
    (StatusCode::SERVICE_UNAVAILABLE, content_type, document.to_string()).into_response()
}
