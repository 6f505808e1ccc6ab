//! `GET /projects/{project_id}/parties`: what each party's upload looks like, for whoever wonders whether it is what was meant.

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
use crate::domain::report::{BlockReport, DENSITY_WIDTH, Duplicates};
use crate::domain::{PartyState, Timestamp, TokenKind};

/// The parties that the caller may see.
#[derive(Serialize)]
pub struct Parties {
    parties: Vec<Party>,
}

/// A party's upload. What isn't known, or not yet, is null.
#[derive(Serialize)]
struct Party {
    party: u16,
    state: &'static str,
    encodings: Option<u32>,
    encoding_size: Option<usize>,
    time_uploaded: Option<Timestamp>,
    blocks: Option<BlockReport>,
    warnings: Vec<String>,
    density: Option<Density>,
    empty: Option<u64>,
    duplicates: Option<Duplicates>,
}

/// Histogram of the encodings' shares of bits set.
#[derive(Serialize)]
struct Density {
    width: f64,
    counts: Vec<u64>,
    mean: f64,
}

/// The parties: all of them for the project's creator, and nobody but itself for a party.
///
/// # Errors
/// 403 without a right to the project.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Json<Parties>, ApiError> {
    let caller = Caller::identify(&state, &target.project, &headers).await?;
    let project = state.db.project(caller.project).await?.ok_or(ApiError::NoAccess)?;
    let records = state.db.parties(caller.project).await?;
    let visible = |record: &PartyRecord| match caller.kind {
        TokenKind::Result => true,
        TokenKind::Update { party } | TokenKind::Receipt { party } => record.index == party,
    };
    let (size, leak) = (project.encoding_size, positions_leak(&project, &records));
    let parties: Vec<Party> = records
        .into_iter()
        .filter(visible)
        .map(|mut record| {
            record.warnings.extend(leak.map(str::to_owned));
            shown(record, size)
        })
        .collect();
    match parties.is_empty() {
        // Deleted meanwhile.
        true => Err(ApiError::NoAccess),
        false => Ok(Json(Parties { parties })),
    }
}

/// A party as it is shown, in a project whose encodings have this size.
fn shown(record: PartyRecord, size: Option<usize>) -> Party {
    let ready = record.state == PartyState::Ready;
    let size = size.filter(|_| ready);
    let (count, report) = (u64::from(record.count), record.report.filter(|_| ready));
    let mean = report.as_ref().zip(size).and_then(|(report, size)| report.mean(count, size));
    let (density, empty, duplicates, blocks) = match report {
        Some(report) => {
            let density = mean.map(|mean| Density { width: DENSITY_WIDTH, counts: report.density, mean });
            (density, Some(report.empty), Some(report.duplicates), report.blocks)
        }
        None => (None, None, None, None),
    };
    Party {
        party: record.index,
        state: record.state.name(),
        encodings: ready.then_some(record.count),
        encoding_size: size,
        time_uploaded: record.time_uploaded,
        blocks,
        warnings: record.warnings,
        density,
        empty,
        duplicates,
    }
}
