//! Deleting runs and projects, also while they are at work: gone at once, and nothing else harmed.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::forms;
use super::super::golden::{read_groups, same_groups};
use super::super::http::Request;
use super::super::project::{Project, Run, Spec};
use super::super::reply::{list, same};
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;
use super::tokens::REFUSED;

const GROUP: &str = "deletion";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "a deleted project is gone for every request", project_gone),
        Check::new(GROUP, "a deleted run is gone, the others stay", run_gone),
        Check::new(GROUP, "a run that waits for data can be deleted", waiting_run),
        Check::new(GROUP, "a run at work can be deleted, and the project goes on", running_run),
        Check::new(GROUP, "a project can be deleted while a run is at work", running_project),
        Check::new(GROUP, "a project can be deleted while a party's data is missing", half_project),
    ]
}

async fn gone(session: &Session, request: Request) -> Result<()> {
    let what = request.describe();
    let problem =
        session.send(request).await?.problem(403).with_context(|| format!("{what} after the deletion"))?;
    same("detail", &*problem.detail, REFUSED)
}

async fn delete(project: &Project, path: String) -> Result<()> {
    let request = Request::delete(path).token(&project.result);
    project.session().send(request).await?.expect(204).and_then(|reply| {
        ensure!(reply.body.is_empty(), "an answer of 204 has a body");
        Ok(())
    })
}

/// Every request about the project and its run must be refused.
async fn all_gone(project: &Project, run: &Run<'_>) -> Result<()> {
    let session = project.session();
    for path in
        [project.path(""), project.path("/runs"), run.path(""), run.path("/status"), run.path("/result")]
    {
        gone(session, Request::get(path).token(&project.result)).await?;
    }
    for path in [project.path(""), run.path("")] {
        gone(session, Request::delete(path).token(&project.result)).await?;
    }
    let post = Request::post(project.path("/runs")).token(&project.result).json(&json!({"threshold": 0.9}));
    gone(session, post).await?;
    let update = project.update(1)?;
    gone(session, forms::clks(&[vec![1; 128]]).request(&project.id).token(update)).await?;
    gone(session, Request::get(project.path("/authorize-external-upload")).token(update)).await
}

async fn project_gone(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(111, 20);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload_all(&parties).await?;
    let run = project.run("0.8").await?;
    run.completed().await?;
    delete(&project, project.path("")).await?;
    all_gone(&project, &run).await
}

async fn run_gone(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(112, 20);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload_all(&parties).await?;
    let (first, second) = (project.run("0.8").await?, project.run("0.9").await?);
    first.completed().await?;
    second.completed().await?;
    let kept = second.result().await?;
    delete(&project, first.path("")).await?;
    for tail in ["", "/status", "/result"] {
        gone(&session, Request::get(first.path(tail)).token(&project.result)).await?;
    }
    gone(&session, Request::delete(first.path("")).token(&project.result)).await?;
    same("result of the other run", second.result().await?, kept)?;
    let runs = session
        .send(Request::get(project.path("/runs")).token(&project.result))
        .await?
        .expect(200)?
        .json()?;
    same("runs left", list(&json!({"runs": runs}), "runs")?.len(), 1)
}

async fn waiting_run(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, planted } = synth::pair(113, 20);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    project.upload(0, forms::clks(&parties[0])).await?;
    delete(&project, run.path("")).await?;
    gone(&session, Request::get(run.path("/status")).token(&project.result)).await?;
    project.upload(1, forms::clks(&parties[1])).await?;
    judge(&project, &planted).await
}

/// Records per party for a run that is still at work when the next request comes: 144 million comparisons.
const MANY: usize = 12_000;

async fn upload_many(project: &Project) -> Result<Vec<(usize, usize)>> {
    let synth::Pair { parties, planted } = synth::pair(114, MANY);
    for (party, encodings) in parties.iter().enumerate() {
        project.upload(party, forms::binary(encodings)).await?;
    }
    Ok(planted)
}

async fn running_run(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let planted = upload_many(&project).await?;
    for threshold in ["0.7", "0.75"] {
        let run = project.run(threshold).await?;
        delete(&project, run.path("")).await?;
        gone(&session, Request::get(run.path("/status")).token(&project.result)).await?;
        gone(&session, Request::get(run.path("/result")).token(&project.result)).await?;
    }
    judge(&project, &planted).await
}

async fn judge(project: &Project, planted: &[(usize, usize)]) -> Result<()> {
    let wanted = planted.iter().map(|(a, b)| vec![(0, *a), (1, *b)]).collect();
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

async fn running_project(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    upload_many(&project).await?;
    let run = project.run("0.7").await?;
    delete(&project, project.path("")).await?;
    all_gone(&project, &run).await
}

async fn half_project(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.7").await?;
    project.upload(0, forms::clks(&synth::pair(115, 20).parties[0])).await?;
    delete(&project, project.path("")).await?;
    all_gone(&project, &run).await
}
