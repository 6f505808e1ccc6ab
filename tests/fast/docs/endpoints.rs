//! The API's requests, as its OpenAPI document lists them, against the guide to the API.

use serde_json::Value;

use crate::kit::pages::{self, Kind, Page};

/// The guide.
const GUIDE: &str = "docs/api.md";

/// Requests that are shown on another page, or take what a test of pages doesn't have.
const ELSEWHERE: [&str; 2] = ["GET /health/live", "GET /health/ready"];

/// Checks that each request of the document is in a curl command of the guide that the tests run.
pub fn check() {
    let text = std::fs::read_to_string(pages::root().join("src/api/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let shown = shown(&Page::read(GUIDE));
    let (mut requests, mut missing) = (0, Vec::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "DELETE"] {
            if methods.get(method.to_lowercase()).is_none() {
                continue;
            }
            requests += 1;
            let request = format!("{method} {path}");
            let short = path.trim_start_matches("/api/v1");
            if !ELSEWHERE.contains(&request.as_str()) && !shown.contains(&format!("{method} {short}")) {
                missing.push(request);
            }
        }
    }
    assert!(requests > 14, "only {requests} requests are in the document");
    assert!(missing.is_empty(), "{GUIDE} doesn't show: {missing:?}; it shows {shown:?}");
}

/// Requests of the commands of a page that are run, with the path's parameters as the document names them.
fn shown(page: &Page) -> Vec<String> {
    let blocks = page.blocks.iter().filter(|block| block.kind == Kind::Run);
    let text = blocks.map(|block| block.text.replace("\\\n", " ")).collect::<String>();
    let request = |line: &str| {
        let path = line.split("$API").nth(1)?.split([' ', '"', '?']).next()?;
        let path = path.replace("$PROJECT", "{project_id}").replace("$RUN", "{run_id}");
        let method = match line {
            line if line.contains("-X DELETE") => "DELETE",
            line if line.contains(" -d ") || line.contains("--data-binary") => "POST",
            _ => "GET",
        };
        Some(format!("{method} {path}"))
    };
    text.lines().filter(|line| line.contains("curl ")).filter_map(request).collect()
}
