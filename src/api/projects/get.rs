//! `GET /projects/{project_id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;

use super::warnings::positions_leak;
use crate::api::auth::{Caller, Target};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::db::projects::PartyRecord;
use crate::domain::{PartyState, PermutationPositions, ProjectId, ResultType, Timestamp, TokenKind};

/// What a party is told of an error that may be of another party's data.
const OTHERS_ERROR: &str = "the project can't go on; its creator can see why";

/// A project as its creator described it, and how far it has come.
#[derive(Serialize)]
pub struct Description {
    project_id: ProjectId,
    name: String,
    notes: String,
    schema: serde_json::Value,
    result_type: ResultType,
    number_parties: u16,
    uses_blocking: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    permutation_positions: Option<PermutationPositions>,
    parties_contributed: u16,
    error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    warnings: Vec<String>,
    time_added: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// What a party is told of a project's error: the reason, if it is about its own data and no other's.
fn told_of_error(text: String, parties: &[PartyRecord], party: u16) -> String {
    let wrong = parties.iter().filter(|record| record.state == PartyState::Error).map(|record| record.index);
    if wrong.eq([party]) { text } else { OTHERS_ERROR.to_owned() }
}

/// Describes a project; to a party, what is its own affair of it.
///
/// # Errors
/// 403 without a right to it.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Description>, ApiError> {
    let caller = Caller::reader(&state, &target.project, &headers).await?;
    let mut project = state.db.project(caller.project).await?.ok_or(ApiError::NoAccess)?;
    caller.may_read(project.result_type)?;
    let permuted = project.result_type == ResultType::Permutations;
    let parties = if permuted { state.db.parties(caller.project).await? } else { Vec::new() };
    if let TokenKind::Receipt { party } = caller.kind {
        project.warnings.retain(|(of, _)| *of == party);
        project.error = project.error.map(|text| told_of_error(text, &parties, party));
    }
    let leak = positions_leak(&project, &parties);
    let warnings = project.warnings.into_iter().map(|(party, text)| format!("party {party}: {text}"));
    let warnings = warnings.chain(leak.map(str::to_owned));
    Ok(Json(Description {
        project_id: project.id,
        name: project.name,
        notes: project.notes,
        schema: project.schema,
        result_type: project.result_type,
        number_parties: project.parties,
        uses_blocking: project.uses_blocking,
        permutation_positions: permuted.then_some(project.permutation_positions),
        parties_contributed: project.parties_contributed,
        error: project.error.is_some(),
        message: project.error,
        warnings: warnings.collect(),
        time_added: project.time_added,
        expires_at: project.expires,
    }))
}
