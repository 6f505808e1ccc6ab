//! `POST /projects/{project_id}/binaryclks`: encodings packed one after the other.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};

use super::session::Session;
use super::{Accepted, check_records, size_rules};
use crate::api::auth::{Caller, Target};
use crate::api::body::{RequestBody, content_length, expect_content_type};
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::codec::upload::PackedParser;
use crate::db::projects::ProjectRecord;
use crate::db::uploads::Verdict;
use crate::domain::{UploadSummary, random_bytes};
use crate::staging::{Object, Rows, broken_promise};

/// Media type of packed encodings.
const OCTETS: &str = "application/octet-stream";

/// What the headers declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Declared {
    /// `Hash-Count`: encodings.
    count: u32,
    /// `Hash-Size`: bytes per encoding.
    size: u32,
}

/// Takes one party's encodings.
///
/// # Errors
/// 400 for headers that don't fit the body or the project, 403 without the right or in a project that uses blocking, 408 if the
/// client falls silent, 413 if the body is too large.
pub async fn post(
    State(state): State<Arc<ApiState>>,
    target: Target,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let (parts, body) = request.into_parts();
    let (project, party) = Caller::uploader(&state, &target.project, &parts.headers).await?;
    let project = state.db.project(project).await?.ok_or(ApiError::NoAccess)?;
    if project.uses_blocking {
        let reason = "this project uses blocking, and a binary upload can't say which blocks a record is in; \
                      send JSON to …/clks instead";
        return Err(ApiError::Forbidden(reason.to_owned()));
    }
    expect_content_type(&parts.headers, OCTETS)?;
    let declared = declared(&state, &project, &parts.headers)?;
    let body = RequestBody::new(&parts.headers, body, state.settings.max_body, state.settings.upload_idle())?;
    let mut session = Session::begin(&state, project.id, party).await?;
    let received = receive(&state, declared, &mut session, body).await;
    Ok(Accepted::answer(session.conclude("binary", received).await?))
}

/// Reads the headers, and checks them against each other and against what the project wants.
fn declared(state: &ApiState, project: &ProjectRecord, headers: &HeaderMap) -> Result<Declared, ApiError> {
    let count = positive(headers, "Hash-Count")?;
    let size = positive(headers, "Hash-Size")?;
    size_rules(state, project).check(0, size).map_err(|problem| ApiError::bad(problem.to_string()))?;
    if let Some(problem) = broken_promise(project, size) {
        return Err(ApiError::bad(problem));
    }
    let (length, limit) = (u64::from(count) * u64::from(size), state.settings.max_body);
    if length > limit {
        return Err(ApiError::TooLarge { limit });
    }
    check_records(state, count)?;
    let plain = !headers.contains_key(header::CONTENT_ENCODING);
    match content_length(headers).filter(|found| plain && *found != length) {
        None => Ok(Declared { count, size }),
        Some(found) => Err(ApiError::bad(format!(
            "the body has {found} bytes, but Hash-Count {count} times Hash-Size {size} is {length}"
        ))),
    }
}

/// A header that holds a positive whole number.
fn positive(headers: &HeaderMap, name: &'static str) -> Result<u32, ApiError> {
    let value = headers.get(name).ok_or(ApiError::MissingHeader(name))?;
    let text = value.to_str().unwrap_or("?").trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number @ 1..) if digits => Ok(number),
        _ => {
            let text: String = text.chars().take(40).collect();
            Err(ApiError::bad(format!("{name} must be a whole number from 1 to {}, not {text:?}", u32::MAX)))
        }
    }
}

/// Stores the body while it comes in.
async fn receive(
    state: &ApiState,
    declared: Declared,
    session: &mut Session,
    mut body: RequestBody,
) -> Result<Verdict, ApiError> {
    let Declared { count, size } = declared;
    let mut parser = PackedParser::new(count, size).map_err(|error| ApiError::bad(error.to_string()))?;
    let mut rows = Rows::new(random_bytes(&*state.random));
    while let Some(piece) = body.next().await? {
        rows.push(size, parser.feed(&piece).map_err(|error| ApiError::bad(error.to_string()))?);
        rows.drain(session).await?;
        session.keep().await?;
    }
    parser.finish().map_err(|error| ApiError::bad(error.to_string()))?;
    let (file, report) = rows.finish(session).await?;
    let summary = UploadSummary {
        count,
        size: size as usize,
        digest: file.digest,
        encodings_object: session.name(Object::Encodings),
        blocks_object: None,
        warnings: report.warnings(count.into()),
        report: Some(report),
    };
    Ok(Verdict::Ready { summary, strict: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn counts_and_sizes_are_plain_positive_numbers() {
        let read = |text: &'static str| {
            positive(&HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static(text))]), "etag")
        };
        assert_eq!(read("1").unwrap(), 1);
        assert_eq!(read(" 4294967295 ").unwrap(), u32::MAX);
        for bad in
            ["", "0", "-1", "+1", "1.0", "1e3", "0x10", "4294967296", "99999999999999999999999", "1 2", "NaN"]
        {
            assert!(matches!(read(bad), Err(ApiError::BadRequest(_))), "{bad}");
        }
        assert!(matches!(
            positive(&HeaderMap::new(), "Hash-Size"),
            Err(ApiError::MissingHeader("Hash-Size"))
        ));
    }
}
