//! Malformed requests, as a table: what is sent, and the status and a part of the detail that must come back.
//!
//! After each of them the update token must still be good for a proper upload, and no object may be left behind.

mod binary_uploads;
mod json_uploads;
mod requests;
mod tokens;
mod transport;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::api::support::{Project, Service, post};

/// The projects that requests are sent to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Two parties, no blocking, nothing promised.
    Plain,
    /// The same before the other party's upload, so that no size is agreed on yet.
    Fresh,
    /// With blocking.
    Blocking,
    /// Its schema promises encodings of 64 bits.
    Promising,
}

impl Kind {
    fn members(self) -> Value {
        match self {
            Self::Plain | Self::Fresh => json!({}),
            Self::Blocking => json!({"uses_blocking": true}),
            Self::Promising => json!({"schema": {"clkConfig": {"l": 64}}}),
        }
    }

    /// An upload that such a project takes.
    fn good_upload(self) -> Value {
        match self {
            Self::Plain | Self::Fresh | Self::Promising => json!({"clks": ["AAAAAAAAAAA=", "AAAAAAAAAAE="]}),
            Self::Blocking => json!({"clknblocks": [["AAAAAAAAAAA=", "x"], ["AAAAAAAAAAE="]]}),
        }
    }
}

/// What a request may refer to.
struct Target {
    project: Project,
    /// Another project, for its tokens.
    other: Project,
    /// The receipt token of the second party, where it has uploaded.
    receipt: String,
    /// A run of the project.
    run: String,
}

/// One malformed request.
struct Case {
    name: &'static str,
    kind: Kind,
    request: fn(&Target) -> Request<Body>,
    status: u16,
    /// A part of the detail.
    told: &'static str,
}

/// A case on a plain project.
fn plain(name: &'static str, status: u16, told: &'static str, request: fn(&Target) -> Request<Body>) -> Case {
    Case { name, kind: Kind::Plain, request, status, told }
}

/// A case on a project with blocking.
fn blocking(
    name: &'static str,
    status: u16,
    told: &'static str,
    request: fn(&Target) -> Request<Body>,
) -> Case {
    Case { kind: Kind::Blocking, ..plain(name, status, told, request) }
}

/// A JSON upload for the first party.
fn upload(target: &Target, body: impl Into<Body>) -> Request<Body> {
    post(&target.project.path("/clks"), &target.project.update[0], body)
}

/// The service under attack: a small body limit and little patience, so that both can be tried.
async fn service() -> Service {
    Service::with(&["--max-body", "100_000", "--upload-idle-seconds", "1"]).await
}

/// Sends one request; returns what is wrong with the answer.
async fn check(service: &Service, case: &Case) -> Option<String> {
    let name = case.name;
    let project = service.project(case.kind.members()).await;
    let other = service.project(json!({})).await;
    let mut receipt = String::new();
    if case.kind != Kind::Fresh {
        let sent = service.post(&project.path("/clks"), &project.update[1], case.kind.good_upload()).await;
        receipt.push_str(sent.json(201)["receipt_token"].as_str().unwrap());
    }
    let run = service.run(&project, 0.8).await;
    let before = service.objects(&project).await;
    let target = Target { project: project.clone(), other, receipt, run };

    let answer = service.call((case.request)(&target)).await;
    let shown = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status.as_u16() != case.status || !answer.problem(case.status).contains(case.told) {
        return Some(format!("{name}: expected {} with {:?}, got {shown}", case.status, case.told));
    }
    assert_eq!(service.objects(&project).await, before, "{name}: objects are left behind");
    assert_eq!(service.scratch_files(), 0, "{name}: temporary files are left behind");

    let described = service.get(&project.path(""), &project.result).await.json(200);
    assert_eq!(described["error"], false, "{name}: the project is untouched");
    let good = service.post(&project.path("/clks"), &project.update[0], case.kind.good_upload()).await;
    assert_eq!(good.status, 201, "{name}: the token is still good: {}", String::from_utf8_lossy(&good.body));
    None
}

async fn check_all(cases: Vec<Case>, least: usize) {
    assert!(cases.len() >= least, "{} cases", cases.len());
    let names: std::collections::BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "names tell cases apart");
    let service = service().await;
    let mut wrong = Vec::new();
    for case in &cases {
        wrong.extend(check(&service, case).await);
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test]
async fn malformed_small_requests() {
    check_all(requests::cases(), 45).await;
}

#[tokio::test]
async fn wrong_tokens() {
    check_all(tokens::cases(), 14).await;
}

#[tokio::test]
async fn malformed_json_uploads() {
    check_all(json_uploads::cases(), 45).await;
}

#[tokio::test]
async fn malformed_binary_uploads() {
    check_all(binary_uploads::cases(), 22).await;
}

#[tokio::test]
async fn malformed_transport() {
    check_all(transport::cases(), 14).await;
}
