//! Tidies paths: clients join URLs carelessly, so repeated slashes count as one and a trailing one as none.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The request with a tidy path.
pub fn tidy(mut request: Request) -> Request {
    if let Some(uri) = tidied(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The tidy form of an untidy URI.
fn tidied(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let untidy = path.contains("//") || (path.len() > 1 && path.ends_with('/'));
    if !untidy {
        return None;
    }
    let mut tidy: String =
        path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect();
    if tidy.is_empty() {
        tidy.push('/');
    }
    if let Some(query) = uri.query() {
        tidy.push('?');
        tidy.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(tidy).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_collapse() {
        for (path, tidy) in [
            ("/api/v1//projects/", "/api/v1/projects"),
            ("//", "/"),
            ("///a///b///?q=//x/", "/a/b?q=//x/"),
            ("/a/%2F/", "/a/%2F"),
            ("http://host//a/", "http://host/a"),
        ] {
            assert_eq!(tidied(&path.parse().unwrap()).unwrap().to_string(), tidy, "{path}");
        }
        for path in ["/", "/a", "/a/b?c=d//"] {
            assert_eq!(tidied(&path.parse().unwrap()), None, "{path}");
        }
    }
}
