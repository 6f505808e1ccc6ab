//! `GET /openapi.json`: the API's description, written by hand in OpenAPI 3.1 and compared with the route table by a test.

use axum::http::header;
use axum::response::IntoResponse;

use super::json::JSON;

/// The OpenAPI document.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// Serves the document.
pub async fn get() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], DOCUMENT)
}
