//! The web pages: four documents and what they are made of, embedded in the binary.
//!
//! They are clients of the REST API like any other, and hold no data themselves: what they may see, the user's token decides. The
//! browser is told to let them do no more than that: no scripts, styles or requests but of this server, no forms, no frames.

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::problem::ApiError;

/// A file of the pages.
pub struct File {
    name: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(File { name: $name, bytes: include_bytes!(concat!("../web/", $name)) }),*]
    };
}

/// The documents, by their paths.
const DOCUMENTS: &[(&str, File)] = &[
    ("/", File { name: "index.html", bytes: include_bytes!("../web/index.html") }),
    ("/monitor", File { name: "monitor.html", bytes: include_bytes!("../web/monitor.html") }),
    ("/project", File { name: "project.html", bytes: include_bytes!("../web/project.html") }),
    ("/reference", File { name: "reference.html", bytes: include_bytes!("../web/reference.html") }),
];

/// Everything else, below `/assets/`.
const ASSETS: &[File] = files! {
    "about.js"
    "api.js"
    "base.css"
    "chart.js"
    "dom.js"
    "format.js"
    "icon.svg"
    "index.js"
    "monitor-parts.js"
    "monitor.js"
    "parties.js"
    "parts.css"
    "poll.js"
    "preview.js"
    "project.js"
    "question.js"
    "reference-operation.js"
    "reference-schema.js"
    "reference.js"
    "result.js"
    "run-card.js"
    "run-forms.js"
    "runs.js"
    "summary.js"
    "upload.js"
    "version.js"
};

/// What a browser is told with each of them.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // Kept, but asked about at each use: a new release is seen at once.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Adds the pages' routes.
pub fn add<S: Clone + Send + Sync + 'static>(mut routes: Router<S>) -> Router<S> {
    for (path, document) in DOCUMENTS {
        routes = routes.route(path, get(async |headers: HeaderMap| document.answer(&headers)));
    }
    routes.route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let file = ASSETS.iter().find(|file| file.name == name).ok_or(ApiError::NoSuchPath)?;
    Ok(file.answer(&headers))
}

impl File {
    /// The file, or the word that the browser has it already.
    fn answer(&self, request: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", &blake3::hash(self.bytes).to_hex()[..16]);
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = known.flat_map(|value| value.split(',')).map(str::trim);
        let mut response = match { known }.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
        {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => Bytes::from_static(self.bytes).into_response(),
        };
        let headers = response.headers_mut();
        headers.extend(HEADERS);
        headers.extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type()));
        response
    }

    fn media_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        }
    }
}
