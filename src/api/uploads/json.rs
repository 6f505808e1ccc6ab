//! `POST /projects/{project_id}/clks`: encodings, with or without blocks, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::session::Session;
use super::{Accepted, external, size_rules};
use crate::api::auth::{Caller, Target};
use crate::api::body::{RequestBody, expect_content_type};
use crate::api::json::JSON;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::codec::upload::{ExternalUpload, UploadOptions};
use crate::db::projects::ProjectRecord;
use crate::db::uploads::Verdict;
use crate::domain::{UploadSummary, random_bytes};
use crate::staging::intake::hasher;
use crate::staging::{Blocks, Intake, IntakeError, Object, broken_promise};

const UNASKED_BLOCKS: &str = "this project doesn't use blocking, so that the upload must not hold any blocks; \
                              send {\"clks\": [...]}";
const MISSING_BLOCKS: &str = "this project uses blocking, so that the upload must say which blocks each record is in; \
                              send {\"clknblocks\": [...]}, or {\"encodings\": [...], \"blocks\": {...}}";

/// Takes one party's encodings.
///
/// # Errors
/// 400 for a body that can't be understood, 403 without the right or with blocks where none are wanted (or the other way
/// round), 408 if the client falls silent, 413 if the body is too large.
pub async fn post(
    State(state): State<Arc<ApiState>>,
    target: Target,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let (parts, body) = request.into_parts();
    let (project, party) = Caller::uploader(&state, &target.project, &parts.headers).await?;
    let project = state.db.project(project).await?.ok_or(ApiError::NoAccess)?;
    expect_content_type(&parts.headers, JSON)?;
    let body = RequestBody::new(&parts.headers, body, state.settings.max_body, state.settings.upload_idle())?;
    let mut session = Session::begin(&state, project.id, party).await?;
    let received = receive(&state, &project, &mut session, body).await;
    let receipt = match received {
        Ok(Received::Address(address)) => {
            let source = external::source(&state, &project, party, &mut session, address).await;
            session.conclude_external(source).await?
        }
        Ok(Received::Data(verdict)) => session.conclude("json", Ok(verdict)).await?,
        Err(error) => session.conclude("json", Err(error)).await?,
    };
    Ok(Accepted::answer(receipt))
}

/// What a body turned out to hold.
enum Received {
    /// The data.
    Data(Verdict),
    /// The address of the data.
    Address(ExternalUpload),
}

/// Parses the body while it comes in, and stores what it holds.
async fn receive(
    state: &ApiState,
    project: &ProjectRecord,
    session: &mut Session,
    mut body: RequestBody,
) -> Result<Received, ApiError> {
    let options = UploadOptions {
        size: size_rules(state, project),
        max_records: state.settings.max_records,
        ..UploadOptions::new(hasher()?)
    };
    let blocks =
        project.uses_blocking.then(|| Blocks::new(state.settings.block_buffer, state.scratch.clone()));
    let mut intake = Intake::new(options, blocks, random_bytes(&*state.random));
    while let Some(piece) = body.next().await? {
        intake = intake.feed(piece).await.map_err(refusal)?;
        intake.rows().drain(session).await?;
        session.keep().await?;
    }
    let (rows, blocks, outcome) = intake.finish().map_err(refusal)?;
    match (project.uses_blocking, outcome.has_blocks) {
        (true, false) => return Err(ApiError::Forbidden(MISSING_BLOCKS.to_owned())),
        (false, true) => return Err(ApiError::Forbidden(UNASKED_BLOCKS.to_owned())),
        _ => {}
    }
    if let Some(external) = outcome.external {
        return Ok(Received::Address(external));
    }
    if let Some(problem) = outcome.problem {
        return Ok(Received::Data(Verdict::Error(problem.to_string())));
    }
    let (file, mut report) = rows.finish(session).await?;
    if let Some(problem) = broken_promise(project, file.size) {
        return Ok(Received::Data(Verdict::Error(problem)));
    }
    let blocks_object = match blocks {
        Some(blocks) => {
            report.blocks = Some(blocks.finish(session, outcome.count).await?);
            Some(session.name(Object::Blocks))
        }
        None => None,
    };
    let summary = UploadSummary {
        count: outcome.count,
        size: file.size as usize,
        digest: file.digest,
        encodings_object: session.name(Object::Encodings),
        blocks_object,
        warnings: report.warnings(outcome.count.into()),
        report: Some(report),
    };
    Ok(Received::Data(Verdict::Ready { summary, strict: false }))
}

/// What the client is told of a failure of the parser or of what it fills.
fn refusal(error: IntakeError) -> ApiError {
    match error {
        IntakeError::Upload(error) => ApiError::bad(error.to_string()),
        IntakeError::Unasked => ApiError::Forbidden(UNASKED_BLOCKS.to_owned()),
        IntakeError::Staging(error) => error.into(),
    }
}
