//! Results: who may fetch which, their shape and order, fetched again and again.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::fixtures;
use super::super::forms::{self, Form};
use super::super::golden::{read_groups_in_order, read_scores, same_scores};
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reference::{self, sorted};
use super::super::reply::{Reply, same, text};
use super::super::report::Verdict;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "results";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "groups come sorted", order),
        Check::new(GROUP, "similarity scores are exact doubles, best first", scores),
        Check::new(GROUP, "no match gives empty results", empty),
        Check::new(GROUP, "a result can be fetched again, byte for byte", again),
        Check::new(GROUP, "a receipt token gets no groups and no scores", receipts),
        Check::new(GROUP, "similarity scores through the object store", object_store),
    ]
}

async fn order(session: Arc<Session>) -> Result<()> {
    let parties = synth::several(71, 4, 20);
    let project = Project::create(&session, Spec::groups(4)).await?;
    project.upload_all(&parties).await?;
    let got = read_groups_in_order(&project.outcome("0.75").await?)?;
    ensure!(!got.is_empty(), "no groups");
    same("groups in order of their first members, members by party and row", got.clone(), sorted(got))
}

async fn scores(session: Arc<Session>) -> Result<()> {
    let parties = synth::several(72, 2, 30);
    let project = Project::create(&session, Spec::scores()).await?;
    project.upload_all(&parties).await?;
    let wanted = reference::candidates(&parties, 0.3);
    same_scores(&read_scores(&project.outcome("0.3").await?)?, &wanted)
}

async fn empty(session: Arc<Session>) -> Result<()> {
    let parties = vec![vec![vec![0x0f; 128]; 3], vec![vec![0xf0; 128]; 2]];
    for (spec, wanted) in [
        (Spec::groups(2), json!({"groups": []})),
        (Spec::scores(), json!({"similarity_scores": []})),
        (Spec::permutations(), json!({"mask": [0, 0]})),
    ] {
        let project = Project::create(&session, spec).await?;
        project.upload_all(&parties).await?;
        same("result", project.outcome("0.1").await?, wanted)?;
    }
    Ok(())
}

async fn again(session: Arc<Session>) -> Result<()> {
    let set = fixtures::set("edge/ties")?;
    let project = Project::create(&session, Spec::groups(set.parties.len())).await?;
    for (party, file) in set.parties.iter().enumerate() {
        project.upload(party, Form::json(*file)).await?;
    }
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let run = project.run("0.4").await?;
        run.completed().await?;
        for _ in 0..2 {
            let request = Request::get(run.path("/result")).token(&project.result);
            bodies.push(session.send(request).await?.expect(200)?.body);
        }
    }
    ensure!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "the bytes of the result differ");
    Ok(())
}

async fn receipts(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(73, 9);
    for spec in [Spec::groups(2), Spec::scores()] {
        let project = Project::create(&session, spec).await?;
        let receipts = project.upload_all(&parties).await?;
        let run = project.run("0.8").await?;
        run.completed().await?;
        for receipt in &receipts {
            session.send(Request::get(run.path("/result")).token(receipt)).await?.problem(403)?;
        }
    }
    Ok(())
}

/// Asks for the address of the binary file; a service without an object store answers with the scores or refuses.
async fn object_store(session: Arc<Session>) -> Result<Verdict> {
    let synth::Pair { parties, .. } = synth::pair(74, 9);
    let project = Project::create(&session, Spec::scores()).await?;
    project.upload(0, forms::clks(&parties[0])).await?;
    project.upload(1, forms::clks(&parties[1])).await?;
    let run = project.run("0.8").await?;
    run.completed().await?;
    let request = Request::get(run.path("/result")).token(&project.result);
    let reply =
        session.send(request.named("RETURN-OBJECT-STORE-ADDRESS", "true")).await?.expect_any(&[200, 500])?;
    if reply.status == 500 {
        let title = reply.problem(500)?.title;
        ensure!(title == "Feature Disabled", "expected the title \"Feature Disabled\", got {title:?}");
        return Ok(Verdict::Passed(Some("turned off, as its answer says".into())));
    }
    if reply.json()?["similarity_scores"].is_array() {
        return Ok(Verdict::Passed(Some("turned off: the scores came instead".into())));
    }
    address(&reply).map(|()| Verdict::Passed(Some("turned on, address and credentials handed out".into())))
}

fn address(reply: &Reply) -> Result<()> {
    let answer = reply.json()?;
    for (part, names) in [
        ("credentials", ["AccessKeyId", "SecretAccessKey", "SessionToken"]),
        ("object", ["endpoint", "bucket", "path"]),
    ] {
        for name in names {
            ensure!(!text(&answer[part], name)?.is_empty(), "{part}.{name} is empty");
        }
    }
    ensure!(answer["object"]["secure"].is_boolean(), "object.secure is neither true nor false");
    Ok(())
}
