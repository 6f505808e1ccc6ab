//! Errors as RFC 9457 problem documents.
//!
//! Every way in which a request can fail is a variant of [`ApiError`], and one exhaustive match turns it into status, title and
//! detail. What fails inside the service is logged once, here, and shown without its particulars.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use thiserror::Error;

use crate::db::DbError;
use crate::staging::StagingError;
use crate::store::{StoreError, StsError, no_room};

/// Media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The one detail for whatever might tell a stranger what exists.
pub const NO_ACCESS: &str = "Invalid access token or project doesn't exist";

/// When to try again after an outage of the object store, which has been waited for already.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Marks an answer that refused a request for want of a right; the reason in a fixed word.
#[derive(Debug, Clone, Copy)]
pub struct Refused(pub &'static str);

/// Why a request failed.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The request is malformed; the text says what is wrong and what would be right.
    #[error("{0}")]
    BadRequest(String),
    /// A header that must be there is missing.
    #[error("the request header {0} is required")]
    MissingHeader(&'static str),
    /// No right to it, or no such thing: nobody can tell which.
    #[error("{NO_ACCESS}")]
    NoAccess,
    /// The caller has the right, but not to this; the text says why.
    #[error("{0}")]
    Forbidden(String),
    /// No such route.
    #[error("there is nothing at this path; the API is described by /api/v1/openapi.json")]
    NoSuchPath,
    /// Something that the operator has switched off.
    #[error("{0}")]
    SwitchedOff(&'static str),
    /// A result that isn't there yet.
    #[error("{0}")]
    NotReady(String),
    /// The path knows other methods.
    #[error("this path doesn't support the method; the Allow header lists those that it does")]
    MethodNotAllowed,
    /// The client sent nothing, or next to nothing, for too long.
    #[error("almost no data came for {} seconds; send the request again", .0.as_secs())]
    Idle(Duration),
    /// A small body that took too long as a whole.
    #[error("the request body took longer than {} seconds; send the request again", .0.as_secs())]
    Slow(Duration),
    /// The state of the project forbids it.
    #[error("{0}")]
    Conflict(String),
    /// The body is too large.
    #[error("the request body is larger than {limit} bytes, which is the most that is accepted here")]
    TooLarge {
        /// Most bytes, after decompression.
        limit: u64,
    },
    /// A content coding that isn't understood.
    #[error("Content-Encoding {0:?} isn't supported; send the body as it is, or gzip it")]
    ContentEncoding(String),
    /// Too many requests from this client.
    #[error("too many requests; try again after the time that the Retry-After header tells")]
    RateLimited(Duration),
    /// A feature that is switched off.
    #[error("{0}")]
    FeatureDisabled(&'static str),
    /// The run failed, so that there is no result.
    #[error("the run failed: {0}")]
    RunFailed(String),
    /// The client is gone, or its connection broke.
    #[error("the request body broke off")]
    Disconnected,
    /// The metadata store failed.
    #[error("metadata store")]
    Db(#[from] DbError),
    /// The object store failed.
    #[error("object store")]
    Store(#[from] StoreError),
    /// The token service failed.
    #[error("token service")]
    Sts(#[from] StsError),
    /// Something else inside failed.
    #[error("{0}")]
    Internal(String),
}

impl From<StagingError> for ApiError {
    fn from(error: StagingError) -> Self {
        match error {
            StagingError::Scratch(cause) if no_room(&cause) => {
                Self::Store(StoreError::Unwritable(cause.to_string()))
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

/// What a client is told.
struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// A malformed request.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::BadRequest(detail.into())
    }

    /// The same failure for a request that reports on the service itself: never a mere invitation to try again.
    pub fn into_outage(self) -> Self {
        match self {
            Self::Db(DbError::Unavailable(source)) => {
                Self::Internal(format!("metadata store out of reach: {source}"))
            }
            other => other,
        }
    }

    fn problem(&self) -> Problem {
        let told = |status, title| Problem { status, title, detail: self.to_string(), retry_after: None };
        let hidden = |status: StatusCode, detail: &str, retry_after| {
            let title = status.canonical_reason().unwrap_or("Error");
            Problem { status, title, detail: detail.to_owned(), retry_after }
        };
        let away = || {
            hidden(
                StatusCode::SERVICE_UNAVAILABLE,
                "the object store is out of reach; try again",
                Some(STORE_PAUSE),
            )
        };
        match self {
            Self::BadRequest(_) | Self::MissingHeader(_) | Self::Disconnected => {
                told(StatusCode::BAD_REQUEST, "Bad Request")
            }
            Self::NoAccess | Self::Forbidden(_) => told(StatusCode::FORBIDDEN, "Forbidden"),
            Self::NoSuchPath | Self::SwitchedOff(_) => told(StatusCode::NOT_FOUND, "Not Found"),
            Self::NotReady(_) => told(StatusCode::NOT_FOUND, "Result Not Ready"),
            Self::MethodNotAllowed => told(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Self::Idle(_) | Self::Slow(_) => told(StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
            Self::Conflict(_) => told(StatusCode::CONFLICT, "Conflict"),
            Self::TooLarge { .. } => told(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"),
            Self::ContentEncoding(_) => {
                told(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Content Encoding")
            }
            Self::RateLimited(wait) => Problem {
                retry_after: Some(*wait),
                ..told(StatusCode::SERVICE_UNAVAILABLE, "Too Many Requests")
            },
            Self::FeatureDisabled(_) => told(StatusCode::INTERNAL_SERVER_ERROR, "Feature Disabled"),
            Self::RunFailed(_) => told(StatusCode::INTERNAL_SERVER_ERROR, "Run Failed"),
            Self::Db(DbError::Unwritable(_)) | Self::Store(StoreError::Unwritable(_)) => hidden(
                StatusCode::INSUFFICIENT_STORAGE,
                "the service can't store this: its disk is full or read-only; send it again once the operator has made room",
                None,
            ),
            Self::Db(error) if error.is_transient() => hidden(
                StatusCode::SERVICE_UNAVAILABLE,
                "the metadata store is out of reach; try again",
                Some(Duration::from_secs(1)),
            ),
            Self::Store(error) if error.is_transient() => away(),
            Self::Sts(error) if error.is_transient() => away(),
            Self::Db(_) | Self::Store(_) | Self::Sts(_) | Self::Internal(_) => hidden(
                StatusCode::INTERNAL_SERVER_ERROR,
                "something failed inside the service; its log says what, under this answer's X-Request-Id",
                None,
            ),
        }
    }

    /// Why this is a refusal for want of a right, if it is one.
    fn refusal(&self) -> Option<Refused> {
        match self {
            Self::NoAccess => Some(Refused("no right to it, or no such thing")),
            Self::MissingHeader("Authorization") => Some(Refused("no token")),
            Self::Forbidden(_) => Some(Refused("not allowed")),
            _ => None,
        }
    }

    /// Logs what an operator must see; everything else is the client's own affair.
    fn log(&self) {
        match self {
            Self::Db(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "the metadata store failed")
            }
            Self::Store(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "the object store failed")
            }
            Self::Sts(error) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "no temporary credentials for the object store"
                )
            }
            Self::Internal(error) => tracing::error!(error, "a request failed"),
            _ => {}
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let refusal = self.refusal();
        let Problem { status, title, detail, retry_after } = self.problem();
        let document = serde_json::json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut response = (status, document.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(refusal) = refusal {
            response.extensions_mut().insert(refusal);
        }
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_whole_seconds_and_never_none() {
        for (wait, seconds) in [(0.001, "1"), (1.0, "1"), (1.001, "2"), (59.5, "60")] {
            let response = ApiError::RateLimited(Duration::from_secs_f64(wait)).into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
        }
    }

    #[test]
    fn what_failed_inside_stays_inside() {
        let secret = "/var/lib/secret";
        let unavailable = || DbError::Unavailable(secret.into());
        for error in [
            ApiError::Internal(secret.to_owned()),
            ApiError::Db(DbError::Corrupt(secret.to_owned())),
            ApiError::Db(unavailable()),
            ApiError::Db(unavailable()).into_outage(),
            ApiError::Store(StoreError::NotFound(secret.to_owned())),
            ApiError::Store(StoreError::Unwritable(secret.to_owned())),
            ApiError::Store(StoreError::Unavailable(secret.to_owned())),
            ApiError::Sts(StsError::Unreachable(secret.to_owned())),
            ApiError::Db(DbError::Unwritable(secret.into())),
        ] {
            let problem = error.problem();
            assert!(problem.status.is_server_error(), "{error:?}");
            assert!(!problem.detail.contains(secret) && !problem.detail.is_empty(), "{}", problem.detail);
        }
        assert_eq!(ApiError::Db(unavailable()).problem().status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            ApiError::Db(unavailable()).into_outage().problem().status,
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }

    #[test]
    fn an_outage_of_the_object_store_passes_and_a_refusal_does_not() {
        let text = || "text".to_owned();
        let refused =
            |status| ApiError::Sts(StsError::Refused { url: text(), status, answer: "no".to_owned() });
        for error in [
            ApiError::Store(StoreError::Unavailable(text())),
            ApiError::Sts(StsError::Unreachable(text())),
            refused(StatusCode::BAD_GATEWAY),
        ] {
            let response = error.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[header::RETRY_AFTER], "5");
            assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        }
        for error in [
            ApiError::Store(StoreError::Refused(text())),
            ApiError::Store(StoreError::NoBucket(text())),
            ApiError::Store(StoreError::NotFound(text())),
            ApiError::Store(StoreError::Backend(text())),
            refused(StatusCode::FORBIDDEN),
        ] {
            let response = error.into_response();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert!(!response.headers().contains_key(header::RETRY_AFTER));
        }
    }
}
