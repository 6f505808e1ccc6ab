//! `GET /projects/{project_id}/authorize-external-upload`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::api::auth::{Caller, Target};
use crate::api::grant::Address;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::api::uploads::TOKEN_USED;
use crate::domain::audit::{Access, Action};
use crate::domain::{PartyState, ProjectId, TokenKind};
use crate::store::{TemporaryCredentials, name};

/// What clients are told that want to upload by an object store; they then post the encodings themselves.
pub const DISABLED: ApiError = ApiError::FeatureDisabled(
    "uploads by an object store are not enabled here; post the encodings to …/clks instead",
);

/// How long the bucket of uploads remembers a party: longer than any project lives; deleting the project ends it.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Credentials to put objects, and where.
#[derive(Debug, Serialize)]
pub struct Authorized {
    credentials: TemporaryCredentials,
    upload: Address,
}

/// Hands out credentials that are good for the party's own path in the bucket of uploads, and only to put objects there.
///
/// # Errors
/// 403 without an update token, or with one that has been used; 500 "Feature Disabled" if such uploads are off.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Authorized>), ApiError> {
    let (project, party) = Caller::uploader(&state, &target.project, &headers).await?;
    let upload = state.external.upload().ok_or(DISABLED)?;
    // Whoever has uploaded has nothing more to put there.
    let parties = state.db.parties(project).await?;
    let open = [PartyState::Waiting, PartyState::Uploading];
    if parties.iter().any(|record| record.index == party && !open.contains(&record.state)) {
        return Err(ApiError::Forbidden(TOKEN_USED.to_owned()));
    }
    remember(&state, project, party).await?;
    let grant = upload.authorize(project, party).await?;
    let by = TokenKind::Update { party };
    state.db.record_access(Access { project, run: None, by, action: Action::UploadGranted }).await?;
    let (credentials, upload) = Address::of(grant);
    Ok((StatusCode::CREATED, Json(Authorized { credentials, upload })))
}

/// Notes that there may be something in the bucket of uploads, before anything can be: it goes when the project goes.
async fn remember(state: &ApiState, project: ProjectId, party: u16) -> Result<(), ApiError> {
    let name = name::uploaded(project, party, "");
    let known =
        async || Ok::<_, ApiError>(!state.db.known_objects(std::slice::from_ref(&name)).await?.is_empty());
    if known().await? {
        return Ok(());
    }
    match state.db.register_object(&name, project, state.lease(), FOR_EVER).await {
        Ok(()) => Ok(()),
        // Another request of the same party may have been quicker.
        Err(error) => match known().await? {
            true => Ok(()),
            false => Err(error.into()),
        },
    }
}
