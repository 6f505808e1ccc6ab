//! Cross-origin requests: which pages of other origins a browser lets talk to us.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::state::ApiState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, Hash-Count, Hash-Size");
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflight requests and marks the others' answers.
pub async fn cors(State(state): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let options = request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // A plain OPTIONS asks for exactly what the refusal tells in its Allow header.
        let allow = response.headers().get(header::ALLOW).cloned();
        response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
    }
    let allowed = allow_origin(&state.settings.cors_origins, origin.as_ref(), response.headers_mut());
    if allowed && preflight {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    } else if allowed {
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Tells the browser whether the origin may read the answer; returns whether it may.
fn allow_origin(origins: &[String], origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
    if origins.iter().any(|allowed| allowed == "*") {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return true;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let listed =
        origin.filter(|origin| origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()));
    headers.extend(listed.map(|origin| (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())));
    listed.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(origins: &[&str], origin: &'static str) -> Option<String> {
        let origins: Vec<String> = origins.iter().map(|o| (*o).to_owned()).collect();
        let mut headers = HeaderMap::new();
        let allowed = allow_origin(&origins, Some(&HeaderValue::from_static(origin)), &mut headers);
        let value = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(allowed, value.is_some());
        value
    }

    #[test]
    fn listed_origins_are_echoed() {
        let listed = ["https://a.example", "https://b.example"];
        assert_eq!(answered(&["*"], "https://x.example").as_deref(), Some("*"));
        assert_eq!(answered(&listed, "https://b.example").as_deref(), Some("https://b.example"));
        assert_eq!(answered(&listed, "https://b.example.evil"), None);
        assert_eq!(answered(&[], "https://a.example"), None);
    }
}
