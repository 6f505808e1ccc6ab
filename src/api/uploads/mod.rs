//! Uploads: [`json`] and [`binary`] bodies go through one [`session`] each, which holds the right to upload and the objects
//! that are being written; [`external`] is for data that lie in an object store.
//!
//! A body is parsed once, while it comes in, and never held: memory is the same for a kilobyte and for ten gigabytes.

pub mod binary;
mod external;
pub mod json;
mod session;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;

use super::problem::ApiError;
use super::state::ApiState;
use crate::codec::upload::{SizeRules, UploadError};
use crate::db::projects::ProjectRecord;
use crate::matching::encoding::MAX_ENCODING_BYTES;

/// What a second upload of a party is told.
pub const TOKEN_USED: &str = "this token has been used: an upload with it was accepted before";

/// The answer to an upload that was taken.
#[derive(Debug, Serialize)]
pub struct Accepted {
    message: &'static str,
    receipt_token: String,
}

impl Accepted {
    /// The answer with the receipt token, which is shown this once.
    fn answer(receipt_token: String) -> (StatusCode, Json<Self>) {
        (StatusCode::CREATED, Json(Self { message: "Updated", receipt_token }))
    }
}

/// Checks how many records an upload says that it has.
///
/// # Errors
/// 400 for too many.
fn check_records(state: &ApiState, count: u32) -> Result<(), ApiError> {
    let max = state.settings.max_records;
    match count > max {
        true => Err(ApiError::bad(UploadError::TooManyRecords { max }.to_string())),
        false => Ok(()),
    }
}

/// Which sizes the project's encodings may have: the one agreed on, if any, within the operator's and the engine's bounds.
fn size_rules(state: &ApiState, project: &ProjectRecord) -> SizeRules {
    let bytes = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    SizeRules {
        min: bytes(state.settings.min_encoding_size),
        max: bytes(state.settings.max_encoding_size.min(MAX_ENCODING_BYTES)),
        wanted: project.encoding_size.map(bytes),
        pad: false,
    }
}
