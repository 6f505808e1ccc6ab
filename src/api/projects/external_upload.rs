//! `GET /projects/{project_id}/authorize-external-upload`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;

use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;

/// What clients are told that want to upload by an object store; they then post the encodings themselves.
pub const DISABLED: ApiError = ApiError::FeatureDisabled(
    "uploads by an object store are not enabled here; post the encodings to …/clks instead",
);

/// Hands out no credentials, because the embedded store has none to give: the objects lie in a directory.
///
/// # Errors
/// 403 without an update token, 500 "Feature Disabled" with one.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Infallible, ApiError> {
    Caller::uploader(&state, &target.project, &headers).await?;
    Err(DISABLED)
}
