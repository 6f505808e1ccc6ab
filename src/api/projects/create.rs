//! `POST /projects`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Serialize;

use crate::api::auth;
use crate::api::json::Members;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::config::ApiArgs;
use crate::domain::audit::{Actor, ActorKind};
use crate::domain::{
    NewProject, PermutationPositions, ProjectError, ProjectId, ResultType, Timestamp, Token, TokenDigest,
    random_bytes,
};

/// Parties of a project that doesn't say how many it has.
const DEFAULT_PARTIES: i64 = 2;

/// A new project with its tokens, which are shown this once.
#[derive(Serialize)]
pub struct Created {
    project_id: ProjectId,
    update_tokens: Vec<String>,
    result_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// Creates a project.
///
/// # Errors
/// 400 for a description that makes no sense; 400 or 403 if the operator wants a token for this.
pub async fn post(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<(StatusCode, Json<Created>), ApiError> {
    let guard = state.settings.project_creation_token.as_ref();
    auth::operator(guard, request.headers())?;
    let creator = match guard {
        Some(token) => Actor { kind: ActorKind::Operator, token: Some(auth::prefix(token)) },
        None => Actor::ANYONE,
    };
    let project = described(&Members::read(&state, request).await?, &state.settings, creator)?;
    let id = ProjectId::from_random(random_bytes(&*state.random));
    let update_tokens: Vec<Token> = (0..project.parties).map(|_| state.token()).collect();
    let result_token = state.token();
    let digests: Vec<TokenDigest> = update_tokens.iter().map(Token::digest).collect();
    let expires_at = state.db.create_project(id, &project, &digests, result_token.digest()).await?;
    state.cache.clear_status().await;
    let update_tokens = update_tokens.iter().map(Token::reveal).collect();
    Ok((
        StatusCode::CREATED,
        Json(Created { project_id: id, update_tokens, result_token: result_token.reveal(), expires_at }),
    ))
}

/// The project that the members describe.
fn described(members: &Members, settings: &ApiArgs, creator: Actor) -> Result<NewProject, ApiError> {
    let nonsense = |error: ProjectError| ApiError::bad(error.to_string());
    let schema = members.required_object("schema")?;
    let result_type: ResultType = members.required_text("result_type")?.parse().map_err(nonsense)?;
    let parties = members.integer("number_parties")?.unwrap_or(DEFAULT_PARTIES);
    Ok(NewProject {
        schema,
        result_type,
        parties: NewProject::check_parties(parties, result_type).map_err(nonsense)?,
        name: members.text("name")?,
        notes: members.text("notes")?,
        uses_blocking: members.flag("uses_blocking")?,
        permutation_positions: match members.text("permutation_positions")?.as_str() {
            "" => PermutationPositions::default(),
            text => text.parse().map_err(nonsense)?,
        },
        expires_in: settings.retention.lifetime(members.integer("expires_in")?).map_err(ApiError::bad)?,
        creator,
    })
}
