//! Tokens: how they may be sent, and that every refusal looks the same.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use super::super::forms;
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reply::same;
use super::super::runner::Check;
use super::super::secret::{Secret, TOKEN_LENGTH};
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "tokens";

/// The one detail of every refusal: it must not tell whether a thing exists.
pub const REFUSED: &str = "Invalid access token or project doesn't exist";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "bare and Bearer, in any case of the word", spellings),
        Check::new(GROUP, "malformed tokens are refused like wrong ones", malformed),
        Check::new(GROUP, "a project that doesn't exist is refused like a wrong token", no_project),
        Check::new(GROUP, "a run that doesn't exist is refused like a wrong token", no_run),
        Check::new(GROUP, "a run of another project is refused", foreign_run),
        Check::new(GROUP, "a party's token uploads for that party alone", own_party),
    ]
}

/// An identifier or token that the service has never handed out.
pub fn stranger() -> Result<String> {
    let mut random = [0; TOKEN_LENGTH / 2];
    getrandom::fill(&mut random)?;
    Ok(hex::encode(random))
}

async fn refused(session: &Arc<Session>, request: Request) -> Result<()> {
    let problem = session.send(request).await?.problem(403)?;
    same("detail", &*problem.detail, REFUSED)
}

async fn spellings(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let get = || Request::get(project.path(""));
    session.send(get().token(&project.result)).await?.expect(200)?;
    session.send(get().bearer(&project.result)).await?.expect(200)?;
    for scheme in ["bearer", "BEARER"] {
        let token = Secret::new(format!("{scheme} {}", project.result.reveal()));
        session.send(get().token(&token)).await?.expect(200)?;
    }
    Ok(())
}

async fn malformed(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let right = project.result.reveal();
    let stranger = stranger()?;
    let wrong = [
        "x".to_owned(),
        "0".repeat(TOKEN_LENGTH),
        right[1..].to_owned(),
        format!("{right}0"),
        right.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A"),
        format!("Bearer {stranger}"),
        format!("Basic {right}"),
        stranger,
    ];
    for token in wrong {
        refused(&session, Request::get(project.path("")).token(&Secret::new(token))).await?;
    }
    Ok(())
}

async fn no_project(session: Arc<Session>) -> Result<()> {
    let token = Secret::new(stranger()?);
    for id in [stranger()?, "0".into(), "x".repeat(TOKEN_LENGTH), "a%2Fb".into(), "a%20b".into()] {
        refused(&session, Request::get(format!("/projects/{id}")).token(&token)).await?;
        refused(&session, Request::delete(format!("/projects/{id}")).token(&token)).await?;
        refused(&session, Request::get(format!("/projects/{id}/runs")).token(&token)).await?;
        refused(&session, forms::clks(&[vec![1; 128]]).request(&id).token(&token)).await?;
    }
    Ok(())
}

async fn no_run(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    for id in [stranger()?, "0".into(), "x".repeat(TOKEN_LENGTH)] {
        for tail in ["", "/status", "/result"] {
            let path = project.path(&format!("/runs/{id}{tail}"));
            refused(&session, Request::get(path).token(&project.result)).await?;
        }
        let path = project.path(&format!("/runs/{id}"));
        refused(&session, Request::delete(path).token(&project.result)).await?;
    }
    Ok(())
}

async fn foreign_run(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let other = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    for tail in ["", "/status", "/result"] {
        let path = other.path(&format!("/runs/{}{tail}", run.id));
        refused(&session, Request::get(path).token(&other.result)).await?;
    }
    let delete = Request::delete(other.path(&format!("/runs/{}", run.id))).token(&other.result);
    refused(&session, delete).await?;
    run.status().await.map(drop)
}

async fn own_party(session: Arc<Session>) -> Result<()> {
    // Uploaded in the wrong order: the party follows from the token, not from the time.
    let synth::Pair { parties, planted } = synth::pair(31, 30);
    let project = Project::create(&session, Spec::scores()).await?;
    project.upload(1, forms::clks(&parties[1])).await?;
    project.upload(0, forms::clks(&parties[0])).await?;
    let result = project.outcome("0.8").await?;
    let mut pairs = Vec::new();
    for score in super::super::golden::read_scores(&result)? {
        same("parties of a score", (score.a.0, score.b.0), (0, 1))?;
        pairs.push((score.a.1, score.b.1));
    }
    pairs.sort_unstable();
    same("matched rows", pairs, planted)?;
    same("contributions", &project.describe().await?["parties_contributed"], &json!(2))
}
