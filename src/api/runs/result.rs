//! `GET /projects/{project_id}/runs/{run_id}/result`.
//!
//! Results are objects; they are streamed, never held. If the object store fails in the middle, the connection is cut rather than
//! ended, so that nobody takes half a result for a whole one.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::api::auth::{Caller, Target};
use crate::api::grant::Address;
use crate::api::json::JSON;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::codec::results::{SimilarityText, TextFormat};
use crate::codec::similarity_file::SimilarityError;
use crate::db::runs::{RunRecord, RunResult};
use crate::domain::audit::{Access, Action};
use crate::domain::{RunState, TokenKind};
use crate::store::{StoreError, StoreResult};

/// Asks for the address of the result in an object store instead of the result.
const ADDRESS_WANTED: &str = "return-object-store-address";

const NO_ADDRESS: ApiError =
    ApiError::FeatureDisabled("downloads from an object store are not enabled here; leave the header out");

/// Text of similarity scores that is gathered before it is sent.
const TEXT_PART: usize = 128 << 10;

/// The result of a completed run: groups, similarity scores, or (by the token) a mask or a permutation.
///
/// # Errors
/// 403 without the right, 404 while the run isn't completed, 500 if it failed.
pub async fn get(
    State(state): State<Arc<ApiState>>,
    target: Target,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = Caller::reader(&state, &target.project, &headers).await?;
    let run = caller.run(&state, &target.run).await?;
    match (completed(&run)?, caller.kind) {
        (RunResult::Groups { object, .. }, _) => stored(&state, &caller, &run, &object).await,
        (RunResult::Permutations { mask, .. }, TokenKind::Result) => {
            stored(&state, &caller, &run, &mask).await
        }
        (RunResult::Permutations { permutations, .. }, TokenKind::Receipt { party }) => {
            let object = permutations.get(usize::from(party)).ok_or(ApiError::NoAccess)?;
            stored(&state, &caller, &run, object).await
        }
        (RunResult::Permutations { .. }, TokenKind::Update { .. }) => Err(ApiError::NoAccess),
        (RunResult::SimilarityScores { object, .. }, _) if headers.contains_key(ADDRESS_WANTED) => {
            address(&state, &caller, &run, &object).await
        }
        (RunResult::SimilarityScores { object, .. }, _) => {
            let (_, file) = open(&state, &caller, &run, &object).await?;
            record(&state, &caller, &run, Action::ResultRead).await?;
            Ok(answer(None, similarity_text(file)))
        }
    }
}

/// Where the result of a run lies.
///
/// # Errors
/// 404 while the run isn't completed, 500 if it failed.
pub fn completed(run: &RunRecord) -> Result<RunResult, ApiError> {
    let result = match run.state {
        RunState::Completed => run.result.clone(),
        RunState::Error => return Err(ApiError::RunFailed(run.message.clone().unwrap_or_default())),
        other => {
            let detail = format!("the result is not ready: the state of the run is {other}, not completed");
            return Err(ApiError::NotReady(detail));
        }
    };
    result.ok_or_else(|| ApiError::Internal("a completed run has no result".to_owned()))
}

/// Credentials to get the binary file, and where it is.
async fn address(
    state: &ApiState,
    caller: &Caller,
    run: &RunRecord,
    object: &str,
) -> Result<Response, ApiError> {
    let grant = state.external.download().ok_or(NO_ADDRESS)?.authorize(object).await?;
    record(state, caller, run, Action::ResultGranted).await?;
    let (credentials, object) = Address::of(grant);
    Ok(Json(serde_json::json!({"credentials": credentials, "object": object})).into_response())
}

/// Records that a result is handed out; if that fails then it isn't.
async fn record(state: &ApiState, caller: &Caller, run: &RunRecord, action: Action) -> Result<(), ApiError> {
    let access = Access { project: caller.project, run: Some(run.id), by: caller.kind, action };
    Ok(state.db.record_access(access).await?)
}

/// A document that is sent as it is stored.
async fn stored(
    state: &ApiState,
    caller: &Caller,
    run: &RunRecord,
    object: &str,
) -> Result<Response, ApiError> {
    let (length, chunks) = open(state, caller, run, object).await?;
    record(state, caller, run, Action::ResultRead).await?;
    Ok(answer(Some(length), chunks.map_err(Cut::Store)))
}

/// Opens an object of a result. A run that has been deleted since it was looked up is gone like any other.
async fn open(
    state: &ApiState,
    caller: &Caller,
    run: &RunRecord,
    object: &str,
) -> Result<(u64, BoxStream<'static, StoreResult<Bytes>>), ApiError> {
    match state.store.stream(object).await {
        Err(StoreError::NotFound(_)) if state.db.run(caller.project, run.id).await?.is_none() => {
            Err(ApiError::NoAccess)
        }
        opened => Ok(opened?),
    }
}

/// Why a result breaks off.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the object store failed: {0}")]
    Store(#[from] StoreError),
    #[error("the stored result is damaged: {0}")]
    Damaged(#[from] SimilarityError),
}

fn answer(length: Option<u64>, body: impl Stream<Item = Result<Bytes, Cut>> + Send + 'static) -> Response {
    let logged = body.inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "a result broke off; its connection is cut");
    });
    let mut response = Response::new(Body::from_stream(logged));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, length.into())));
    response
}

/// The JSON text of a similarity file, made as the file is read.
fn similarity_text<S>(file: S) -> impl Stream<Item = Result<Bytes, Cut>> + Send
where
    S: Stream<Item = StoreResult<Bytes>> + Send + Unpin + 'static,
{
    let mut start = Vec::with_capacity(TEXT_PART);
    let writer = SimilarityText::new(TextFormat::Json, &mut start);
    stream::try_unfold((file, Some(writer), start), |(mut file, writer, mut text)| async move {
        let Some(mut writer) = writer else { return Ok(None) };
        while text.len() < TEXT_PART {
            match file.next().await {
                Some(chunk) => writer.feed(&chunk?, &mut text)?,
                None => {
                    writer.finish(&mut text)?;
                    return Ok(Some((Bytes::from(text), (file, None, Vec::new()))));
                }
            }
        }
        Ok(Some((Bytes::from(text), (file, Some(writer), Vec::with_capacity(TEXT_PART)))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
    use serde_json::Value;

    fn file(pairs: u32) -> Vec<u8> {
        let pair = |row| SimilarityPair { score: 0.75, party0: 0, party1: 1, row0: row, row1: row + 1 };
        let mut file = SIMILARITY_HEADER.to_vec();
        write_pairs(&(0..pairs).map(pair).collect::<Vec<_>>(), &mut file);
        file
    }

    async fn text(bytes: &[u8], chunk: usize) -> Result<Vec<Bytes>, Cut> {
        let chunks: Vec<_> = bytes.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        similarity_text(stream::iter(chunks)).try_collect().await
    }

    #[tokio::test]
    async fn scores_come_in_parts_that_make_one_document() {
        let parts = text(&file(20_000), 1000).await.unwrap();
        assert!(parts.len() > 3, "{} parts", parts.len());
        assert!(parts.iter().all(|part| part.len() < 2 * TEXT_PART));
        let document: Value = serde_json::from_slice(&parts.concat()).unwrap();
        let scores = document["similarity_scores"].as_array().unwrap();
        assert_eq!(scores.len(), 20_000);
        assert_eq!(scores[7], serde_json::json!([[0, 7], [1, 8], 0.75]));
        let none = text(&file(0), 1000).await.unwrap();
        assert_eq!(none.concat(), br#"{"similarity_scores":[]}"#);
    }

    #[tokio::test]
    async fn a_cut_file_ends_in_an_error() {
        let file = file(10);
        let error = text(&file[..file.len() - 1], 64).await.unwrap_err();
        assert!(matches!(error, Cut::Damaged(_)), "{error}");
    }
}
