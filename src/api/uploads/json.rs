//! `POST /projects/{project_id}/clks`: encodings, with or without blocks, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::task::spawn_blocking;

use super::session::{Object, Session};
use super::staged::{Blocks, Rows, SinkError, Staged, scratch_failed};
use super::{Accepted, broken_promise, size_rules};
use crate::api::auth::{Caller, Target};
use crate::api::body::{RequestBody, expect_content_type};
use crate::api::json::JSON;
use crate::api::problem::ApiError;
use crate::api::projects::external_upload::DISABLED;
use crate::api::state::ApiState;
use crate::codec::block_hash::BlockHasher;
use crate::codec::upload::{FeedError, UploadOptions, UploadOutcome, UploadParser};
use crate::db::projects::ProjectRecord;
use crate::db::uploads::Verdict;
use crate::domain::UploadSummary;

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
    Ok(Accepted::answer(session.conclude(received).await?))
}

/// Parses the body while it comes in, and stores what it holds.
async fn receive(
    state: &ApiState,
    project: &ProjectRecord,
    session: &mut Session,
    mut body: RequestBody,
) -> Result<Verdict, ApiError> {
    let mut intake = Intake::new(state, project)?;
    while let Some(piece) = body.next().await? {
        intake = intake.feed(piece).await?;
        intake.staged.rows.drain(session).await?;
        session.keep().await?;
    }
    let (staged, outcome) = intake.finish()?;
    let Staged { rows, blocks } = staged;
    match (project.uses_blocking, outcome.has_blocks) {
        (true, false) => return Err(ApiError::Forbidden(MISSING_BLOCKS.to_owned())),
        (false, true) => return Err(ApiError::Forbidden(UNASKED_BLOCKS.to_owned())),
        _ if outcome.external.is_some() => return Err(DISABLED),
        _ => {}
    }
    if let Some(problem) = outcome.problem {
        return Ok(Verdict::Error(problem.to_string()));
    }
    let file = rows.finish(session).await?;
    if let Some(problem) = broken_promise(project, file.size) {
        return Ok(Verdict::Error(problem));
    }
    let blocks_object = match blocks {
        Some(blocks) => {
            blocks.finish(session).await?;
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
        warnings: Vec::new(),
    };
    Ok(Verdict::Ready { summary, strict: false })
}

/// The parser and what it fills.
struct Intake {
    parser: UploadParser,
    staged: Staged,
}

impl Intake {
    fn new(state: &ApiState, project: &ProjectRecord) -> Result<Self, ApiError> {
        let hasher = BlockHasher::new(None).map_err(|error| ApiError::Internal(error.to_string()))?;
        let options = UploadOptions { size: size_rules(state, project), ..UploadOptions::new(hasher) };
        let blocks =
            project.uses_blocking.then(|| Blocks::new(state.settings.block_buffer, state.scratch.clone()));
        Ok(Self { parser: UploadParser::new(options), staged: Staged { rows: Rows::default(), blocks } })
    }

    /// Takes a piece of the body. Without blocks that is less than a millisecond's work; with blocks it may mean to sort and write
    /// out all that was gathered, which must not hold up other requests.
    async fn feed(mut self, piece: Bytes) -> Result<Self, ApiError> {
        let heavy = self.staged.blocks.is_some();
        let work = move || match self.parser.feed(&piece, &mut self.staged) {
            Ok(()) => Ok(self),
            Err(error) => Err(refusal(error)),
        };
        match heavy {
            true => spawn_blocking(work)
                .await
                .map_err(|error| ApiError::Internal(format!("parsing failed: {error}")))?,
            false => work(),
        }
    }

    /// Ends the body.
    fn finish(mut self) -> Result<(Staged, UploadOutcome), ApiError> {
        let outcome = self.parser.finish(&mut self.staged).map_err(refusal)?;
        Ok((self.staged, outcome))
    }
}

/// What the client is told of a failure of the parser or of what it fills.
fn refusal(error: FeedError<SinkError>) -> ApiError {
    match error {
        FeedError::Upload(error) => ApiError::bad(error.to_string()),
        FeedError::Sink(SinkError::Unasked) => ApiError::Forbidden(UNASKED_BLOCKS.to_owned()),
        FeedError::Sink(SinkError::Scratch(error)) => scratch_failed(error),
    }
}
