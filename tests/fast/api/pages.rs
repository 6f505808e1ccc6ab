//! The web pages as files: what is told with them, and what happens when they are off. `tests/deploy/browser` looks at what they do.

use axum::body::Body;

use crate::api::support::{Answer, Service, request};

const DOCUMENTS: [&str; 4] = ["/", "/monitor", "/project", "/reference"];

/// What a document asks the browser to fetch, and what its scripts import in turn.
async fn needed(service: &Service, document: &str) -> Vec<String> {
    let mut wanted = vec![document.to_owned()];
    let mut at = 0;
    while at < wanted.len() {
        let answer = service.get(&wanted[at], "").await;
        assert_eq!(answer.status, 200, "{}", wanted[at]);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        for part in text.split("\"/assets/").skip(1) {
            let path = format!("/assets/{}", part.split('"').next().unwrap());
            if !wanted.contains(&path) {
                wanted.push(path);
            }
        }
        at += 1;
    }
    wanted
}

async fn ask(service: &Service, method: &str, path: &str, tag: Option<&str>) -> Answer {
    let mut request = request(method, path, "");
    if let Some(tag) = tag {
        request = request.header("If-None-Match", tag);
    }
    service.call(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn pages_come_with_a_strict_policy() {
    let service = Service::start().await;
    for document in DOCUMENTS {
        for path in needed(&service, document).await {
            let answer = service.get(&path, "").await;
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
            assert_eq!(answer.header("cache-control"), "no-cache");
            let kind = match path.rsplit_once('.').map(|(_, kind)| kind) {
                None => "text/html; charset=utf-8",
                Some("js") => "text/javascript; charset=utf-8",
                Some("css") => "text/css; charset=utf-8",
                _ => "image/svg+xml",
            };
            assert_eq!(answer.header("content-type"), kind, "{path}");
        }
    }
}

#[tokio::test]
async fn pages_have_no_script_or_style_in_their_text() {
    let service = Service::start().await;
    for document in DOCUMENTS {
        let text = String::from_utf8(service.get(document, "").await.body.to_vec()).unwrap();
        for part in text.split("<script").skip(1) {
            assert!(part.starts_with(" type=\"module\" src=\"/assets/"), "{document}: {part:.60}");
        }
        for forbidden in ["<style", " style=", " onclick", "http://", "https://cdn"] {
            assert!(!text.contains(forbidden), "{document} has {forbidden}");
        }
        assert!(text.contains("<noscript>") && text.contains("curl"), "{document}");
    }
}

#[tokio::test]
async fn known_pages_are_not_sent_again() {
    let service = Service::start().await;
    for path in ["/", "/assets/dom.js"] {
        let first = ask(&service, "GET", path, None).await;
        let tag = first.header("etag").to_owned();
        let length = first.body.len();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let again = ask(&service, "GET", path, Some(&known)).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
            assert_eq!(again.header("cache-control"), "no-cache");
        }
        assert_eq!(ask(&service, "GET", path, Some("\"other\"")).await.status, 200);
        let head = ask(&service, "HEAD", path, None).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), length.to_string());
    }
}

#[tokio::test]
async fn a_page_load_is_within_the_default_rate() {
    for document in DOCUMENTS {
        let service = Service::with(&["--rate-limit", "200"]).await;
        let requests = needed(&service, document).await.len();
        // And what the page itself asks the API for, at once.
        assert!(requests + 15 < service.state.settings.rate_limit_burst as usize, "{document}: {requests}");
    }
}

#[tokio::test]
async fn pages_can_be_off() {
    let service = Service::with(&["--pages", "off"]).await;
    for path in DOCUMENTS.into_iter().chain(["/assets/dom.js"]) {
        service.get(path, "").await.problem(404);
    }
    service.get("/api/v1/status", "").await.json(200);
    let on = Service::start().await;
    for path in ["/assets/none.js", "/assets/", "/assets/..%2Fmonitor.html", "/index.html"] {
        on.get(path, "").await.problem(404);
    }
}
