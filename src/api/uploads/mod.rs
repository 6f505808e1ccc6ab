//! Uploads: [`json`] and [`binary`] bodies go through one [`session`] each, which holds the right to upload and the objects
//! that are being written; [`staged`] turns rows and block ids into those objects.
//!
//! A body is parsed once, while it comes in, and never held: memory is the same for a kilobyte and for ten gigabytes.

pub mod binary;
pub mod json;
mod session;
mod staged;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;

use super::state::ApiState;
use crate::codec::upload::SizeRules;
use crate::db::projects::ProjectRecord;
use crate::domain::project::promised_size;
use crate::matching::encoding::MAX_ENCODING_BYTES;

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

/// What is wrong with encodings of this size, in bytes, if the project's schema promises another one.
fn broken_promise(project: &ProjectRecord, size: u32) -> Option<String> {
    let promised = promised_size(&project.schema)?;
    (!promised.is_kept_by(size as usize)).then(|| {
        let (bits, found) = (promised.bits, u64::from(size) * 8);
        format!("encoding 0 has {size} bytes ({found} bits), but the project's schema says clkConfig.l = {bits} bits")
    })
}
