//! Bad input to runs and to blocking: each is answered by a problem document of the right status.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::forms::Form;
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reply::same;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "bad input";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "thresholds outside (0, 1] and other bodies make no run", thresholds),
        Check::new(GROUP, "a blocking project refuses uploads without block ids", no_blocks),
        Check::new(GROUP, "broken block ids are refused", broken_blocks),
        Check::new(GROUP, "a block of a record that isn't there is named", stray_block),
    ]
}

async fn thresholds(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    for body in [
        r#"{"threshold": 0}"#,
        r#"{"threshold": -0.5}"#,
        r#"{"threshold": 1.0000000000000002}"#,
        r#"{"threshold": 80}"#,
        r#"{"threshold": 1e999}"#,
        r#"{"threshold": "0.8"}"#,
        r#"{"threshold": null}"#,
        r#"{"threshold": NaN}"#,
        r#"{"threshold": 0.8, "name": 5}"#,
        r#"{"threshold": 0.8"#,
        "{}",
        "[0.8]",
        "0.8",
        "",
    ] {
        let request = Request::post(project.path("/runs")).token(&project.result);
        let reply = session.send(request.body("application/json", body)).await?;
        reply.problem(400).with_context(|| format!("for {body:?}"))?;
    }
    let runs = session.send(Request::get(project.path("/runs")).token(&project.result)).await?;
    same("list of runs", runs.expect(200)?.json()?, json!([]))
}

async fn no_blocks(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(51, 4);
    let project = Project::create(&session, Spec::groups(2).blocking(true)).await?;
    for form in [
        super::super::forms::clks(&parties[0]),
        super::super::forms::encodings(&parties[0]),
        super::super::forms::binary(&parties[0]),
    ] {
        project.send_upload(0, form).await?.problem(403)?;
    }
    let blocks = vec![vec![json!("b")]; parties[0].len()];
    project.upload(0, super::super::forms::clknblocks(&parties[0], &blocks)).await.map(drop)
}

const ENCODING: &str = "AQIDBAUGBwg=";

async fn broken_blocks(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2).blocking(true)).await?;
    for body in [
        json!({"clknblocks": []}),
        json!({"clknblocks": [[]]}),
        json!({"clknblocks": [[ENCODING, "b"], "text"]}),
        json!({"clknblocks": [[ENCODING, ["b"]]]}),
        json!({"clknblocks": [[5, "b"]]}),
        json!({"encodings": [ENCODING], "blocks": ["b"]}),
        json!({"encodings": [ENCODING], "blocks": {"0": "b"}}),
        json!({"encodings": [ENCODING], "blocks": {"0": [{}]}}),
        json!({"blocks": {"0": ["b"]}}),
    ] {
        let reply = project.send_upload(0, Form::json(body.to_string())).await?;
        reply.problem(400).with_context(|| format!("for {body}"))?;
    }
    project.upload(0, Form::json(json!({"clknblocks": [[ENCODING, "b"]]}).to_string())).await.map(drop)
}

async fn stray_block(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2).blocking(true)).await?;
    for key in ["23", "-1", "first", "1.0"] {
        let body = json!({"encodings": [ENCODING, ENCODING], "blocks": {"0": ["b"], key: ["b"]}});
        let problem = project.send_upload(0, Form::json(body.to_string())).await?.problem(400);
        let detail = problem.with_context(|| format!("for the key {key:?}"))?.detail;
        ensure!(detail.contains(key), "the key {key:?} is wrong, but the reason is {detail:?}");
    }
    Ok(())
}
