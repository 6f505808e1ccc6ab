//! Telling an outage of a store, which passes, from a refusal or a mistake, which doesn't.

use std::error::Error;
use std::io::ErrorKind;

use hyper::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};

/// What the crate says before the status of an answer; its type for that is private.
const STATUS: &str = "Server returned non-2xx status code: ";
/// What it says before the text of an answer that was a success by its status only: the store was too busy.
const BUSY: &str = "Server returned error response: ";
/// What S3 says with status 400 if it waited too long for a request's bytes.
pub(super) const SLOW: &str = "<Code>RequestTimeout</Code>";

/// Whether a store that answers with this status may answer otherwise in a while: it is overloaded, or something behind it is away.
pub(super) fn passes(status: StatusCode) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => true,
        StatusCode::NOT_IMPLEMENTED
        | StatusCode::HTTP_VERSION_NOT_SUPPORTED
        | StatusCode::INSUFFICIENT_STORAGE => false,
        other => other.is_server_error(),
    }
}

/// Whether a call that failed in this way, without an answer, may get one another time. What the crate has no name for is among it: a
/// kept connection that closes under a new request.
pub(super) fn breaks(kind: HttpErrorKind) -> bool {
    kind != HttpErrorKind::Decode
}

/// Whether a call failed because the store was out of reach, too slow or overloaded.
pub(super) fn is_outage(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<HttpError>().is_some_and(|error| breaks(error.kind()))
            || error.downcast_ref::<std::io::Error>().is_some_and(is_away)
        {
            return true;
        }
        cause = error.source();
    }
    let text = error.to_string();
    text.contains(BUSY) || text.contains(SLOW) || answered_with(&text).is_some_and(passes)
}

/// The status that a store answered with, as the crate tells it.
fn answered_with(text: &str) -> Option<StatusCode> {
    let (_, rest) = text.split_once(STATUS)?;
    StatusCode::from_bytes(rest.get(..3)?.as_bytes()).ok()
}

/// Whether a file's server, or the way to it, is away for a while.
fn is_away(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
    )
}
