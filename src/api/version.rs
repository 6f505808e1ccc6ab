//! `GET /version`.

use axum::Json;
use serde_json::{Value, json};

/// Versions under the three names that clients of the earlier service look for.
pub async fn get() -> Json<Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({
        "anonlink": version,
        "entityservice": version,
        "python": "none: the service is one native binary",
    }))
}
