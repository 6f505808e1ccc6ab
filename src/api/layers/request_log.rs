//! One line in the log for each request, and the identifier that ties it to other lines and to the answer.
//!
//! The line holds the route's template, never the path: paths hold identifiers. Of the headers it holds the request's identifier and
//! those that the operator has asked for, save credentials and whatever looks like a token.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::domain::{Token, random_bytes};
use crate::telemetry::metrics;
use crate::telemetry::trace::{self, TARGET};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers that are never logged, whoever asks for them.
const CREDENTIALS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token"];

/// Longest request identifier that is taken over from a client.
const LONGEST_ID: usize = 64;

/// Logs the request, and turns a panic of its handler into an answer.
pub async fn log(State(state): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| hex::encode(random_bytes::<8>(&*state.random)));
    let span = tracing::info_span!("request", id);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let line = Line {
        method: request.method().clone(),
        route,
        headers: wanted(request.headers(), &state.settings.log_http_header_fields),
        id: id.clone(),
        started: Instant::now(),
        answered: false,
    };
    let traced = traced(&line, request.headers());
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    // The trace's span is the inner one: what goes on in tasks asks for the current one.
    let answer = answer.instrument(traced.clone()).instrument(span.clone()).await;
    let mut response = answer.unwrap_or_else(|_| {
        span.in_scope(|| ApiError::Internal("a handler panicked".to_owned()).into_response())
    });
    let status = response.status();
    traced.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        traced.record("otel.status_code", "error").record("error.type", status.as_str());
    }
    line.answered(status.as_u16());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The request's span in its trace, which is the client's if it names one. Probes come too often to be worth one.
fn traced(line: &Line, headers: &HeaderMap) -> Span {
    let route = line.route.as_ref().map_or("(none)", MatchedPath::as_str);
    if route.starts_with("/health/") {
        return Span::none();
    }
    let method = known(&line.method);
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        error.type = Empty,
        anonlink.request.id = line.id,
    );
    if let Some(parent) = headers.get("traceparent").and_then(|parent| parent.to_str().ok()) {
        trace::adopt(&span, parent);
    }
    span
}

/// The client's own identifier for the request, if it is fit for a log. A token that strays into it is not.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fit = (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
        && !is_token(id);
    fit.then(|| id.to_owned())
}

/// The headers to log, as `name="value"`; those that carry credentials never are.
fn wanted(headers: &HeaderMap, names: &[String]) -> Option<String> {
    let allowed = |name: &&str| !CREDENTIALS.iter().any(|never| never.eq_ignore_ascii_case(name));
    let mut texts = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(allowed) {
        for value in headers.get_all(name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let secret = value.split(|c: char| !c.is_ascii_alphanumeric()).any(is_token);
            texts.push(format!("{name}={:?}", if secret { "(a token)" } else { &value }));
        }
    }
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn is_token(text: &str) -> bool {
    text.to_ascii_lowercase().parse::<Token>().is_ok()
}

/// The method, unless it is one that a client made up: labels must be few.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::DELETE | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

/// The line of a request; a request whose client hangs up before the answer has one too.
struct Line {
    method: Method,
    route: Option<MatchedPath>,
    headers: Option<String>,
    id: String,
    started: Instant,
    answered: bool,
}

impl Line {
    fn answered(mut self, status: u16) {
        self.answered = true;
        self.write(Some(status));
    }

    fn write(&self, status: Option<u16>) {
        let Self { method, headers, id, .. } = self;
        let route = self.route.as_ref().map_or("(none)", MatchedPath::as_str);
        let ms = self.started.elapsed().as_secs_f64() * 1e3;
        let (metrics, code) = (metrics(), status.map_or("none".to_owned(), |status| status.to_string()));
        metrics.requests.with_label_values(&[known(method), route, &code]).inc();
        metrics.request_seconds.with_label_values(&[route]).observe(ms / 1e3);
        match status {
            Some(status) => tracing::info!(%method, route, status, ms, id, headers, "request"),
            None => tracing::info!(%method, route, ms, id, headers, "request abandoned by its client"),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.answered {
            self.write(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_identifiers_are_taken_over() {
        let given = |value: &str| {
            given_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(value).unwrap())]))
        };
        assert_eq!(given("a-1_B.c:2").as_deref(), Some("a-1_B.c:2"));
        let token = "0123456789abcdef".repeat(3);
        for bad in ["", "with space", "line\tbreak", &"x".repeat(65), &token, &token.to_uppercase()] {
            assert_eq!(given(bad), None, "{bad}");
        }
        assert_eq!(given_id(&HeaderMap::new()), None);
    }

    #[test]
    fn headers_are_logged_if_asked_for_and_harmless() {
        let token = "0123456789abcdef".repeat(3);
        let headers = [
            ("user-agent", "curl/8 \"x\""),
            ("authorization", &token),
            ("x-key", &format!("Bearer {}", token.to_uppercase())),
            ("accept", "a"),
            ("accept", "b"),
        ];
        let headers = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let headers: HeaderMap = headers.into_iter().collect();
        let log =
            |names: &[&str]| wanted(&headers, &names.iter().map(|&name| name.into()).collect::<Vec<_>>());
        assert_eq!(
            log(&["User-Agent", " accept"]).unwrap(),
            r#"User-Agent="curl/8 \"x\"" accept="a" accept="b""#
        );
        assert_eq!(log(&["X-Key"]).unwrap(), r#"X-Key="(a token)""#);
        assert_eq!(log(&["Authorization", "Missing", "", "not a name"]), None);
        assert_eq!(log(&[]), None);
    }
}
