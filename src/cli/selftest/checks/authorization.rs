//! Who may do what: every endpoint against every kind of token.

use std::sync::Arc;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

use super::super::forms;
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reply::same;
use super::super::runner::Check;
use super::super::secret::Secret;
use super::super::session::Session;
use super::super::synth;
use super::tokens::{REFUSED, stranger};

const GROUP: &str = "authorization";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for endpoint in ENDPOINTS {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        checks.push(Check::new(GROUP, name, move |session| groups(session, endpoint)));
    }
    checks.push(Check::new(GROUP, "receipt tokens on a permutations project", receipts));
    checks
}

/// Which kind of token an endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Update,
    Result,
}

/// An endpoint: `{run}` stands for the run's identifier.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    method: &'static str,
    path: &'static str,
    kind: Kind,
}

const fn endpoint(method: &'static str, path: &'static str, kind: Kind) -> Endpoint {
    Endpoint { method, path, kind }
}

const ENDPOINTS: [Endpoint; 11] = [
    endpoint("GET", "/projects/{id}", Kind::Result),
    endpoint("DELETE", "/projects/{id}", Kind::Result),
    endpoint("GET", "/projects/{id}/authorize-external-upload", Kind::Update),
    endpoint("POST", "/projects/{id}/clks", Kind::Update),
    endpoint("POST", "/projects/{id}/binaryclks", Kind::Update),
    endpoint("GET", "/projects/{id}/runs", Kind::Result),
    endpoint("POST", "/projects/{id}/runs", Kind::Result),
    endpoint("GET", "/projects/{id}/runs/{run}", Kind::Result),
    endpoint("DELETE", "/projects/{id}/runs/{run}", Kind::Result),
    endpoint("GET", "/projects/{id}/runs/{run}/status", Kind::Result),
    endpoint("GET", "/projects/{id}/runs/{run}/result", Kind::Result),
];

impl Endpoint {
    /// A well-formed request without a token.
    fn request(&self, project: &Project, run: &str) -> Result<Request> {
        let path = self.path.replace("{id}", &project.id).replace("{run}", run);
        let rows = [vec![0x0f; synth::SIZE]];
        Ok(match (self.method, path.rsplit('/').next().unwrap_or_default()) {
            ("POST", "clks") => forms::clks(&rows).request(&project.id),
            ("POST", "binaryclks") => forms::binary(&rows).request(&project.id),
            ("POST", _) => Request::post(path).json(&json!({"threshold": 0.9})),
            (method, _) => Request::new(method.parse::<Method>().context("method of an endpoint")?, path),
        })
    }
}

/// Refuses everyone but the holder of the right kind of token on a `groups` project; no token at all is a bad request.
async fn groups(session: Arc<Session>, endpoint: Endpoint) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(41, 6);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let receipt = project.upload(0, forms::clks(&parties[0])).await?;
    let other = Project::create(&session, Spec::groups(2)).await?;
    let others_receipt = other.upload(0, forms::clks(&parties[0])).await?;
    let run = project.run("0.8").await?;
    let request = || endpoint.request(&project, &run.id);

    session.send(request()?).await?.problem(400).context("without a token")?;
    let wrong_kind = match endpoint.kind {
        Kind::Update => ("the creator's result token", &project.result),
        Kind::Result => ("an unused update token", project.update(1)?),
    };
    let stranger = Secret::new(stranger()?);
    for (whose, token) in [
        wrong_kind,
        ("a receipt token", &receipt),
        ("a token never handed out", &stranger),
        ("another project's result token", &other.result),
        ("another project's update token", other.update(1)?),
        ("another project's receipt token", &others_receipt),
    ] {
        let problem = session.send(request()?.token(token)).await?.problem(403);
        let problem = problem.with_context(|| format!("with {whose}"))?;
        same("detail", &*problem.detail, REFUSED).with_context(|| format!("with {whose}"))?;
    }

    // Nothing of that may have had an effect; and the right token is let through.
    run.status().await.context("after the refusals")?;
    let (right, granted): (_, &[u16]) = match (endpoint.kind, endpoint.method, endpoint.path) {
        (Kind::Update, "GET", _) => (project.update(1)?, &[201, 500]), // 500: "Feature Disabled"
        (Kind::Update, _, _) => (project.update(1)?, &[201]),
        (Kind::Result, "POST", _) => (&project.result, &[201]),
        (Kind::Result, "DELETE", _) => (&project.result, &[204]),
        (Kind::Result, _, path) if path.ends_with("/result") => (&project.result, &[404]), // there is no data yet
        (Kind::Result, _, _) => (&project.result, &[200]),
    };
    session.send(request()?.token(right)).await?.expect_any(granted).context("with the right token").map(drop)
}

/// A receipt token sees the project, the run's status and its own permutation, and nothing else.
async fn receipts(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(42, 12);
    let project = Project::create(&session, Spec::permutations()).await?;
    let receipts = project.upload_all(&parties).await?;
    let run = project.run("0.8").await?;
    run.completed().await?;
    for receipt in &receipts {
        for path in [project.path(""), run.path("/status"), run.path("/result")] {
            session.send(Request::get(path).token(receipt)).await?.expect(200)?;
        }
        for path in [project.path("/runs"), run.path("")] {
            session.send(Request::get(path).token(receipt)).await?.problem(403)?;
        }
        for path in [project.path(""), run.path("")] {
            session.send(Request::delete(path).token(receipt)).await?.problem(403)?;
        }
    }
    for path in [project.path(""), run.path("/status"), run.path("/result")] {
        session.send(Request::get(path).token(project.update(0)?)).await?.problem(403)?;
    }
    Ok(())
}
