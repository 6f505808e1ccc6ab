//! Life of a run: posted before or after the data, its status, names, lists, further runs.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::forms;
use super::super::golden::{read_groups, same_groups};
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::reference;
use super::super::reply::{same, text};
use super::super::runner::Check;
use super::super::session::Session;
use super::super::status::{State, timestamp};
use super::super::synth;

const GROUP: &str = "runs";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "a run waits for data and then starts by itself", waits_for_data),
        Check::new(GROUP, "several runs that wait all start", several_wait),
        Check::new(GROUP, "name and notes are kept", named),
        Check::new(GROUP, "the list shows every run and its state", listed),
        Check::new(GROUP, "a completed run tells stages and comparisons", completed),
        Check::new(GROUP, "there is no result before the end", no_result_yet),
        Check::new(GROUP, "a second run at a higher threshold", higher_threshold),
        Check::new(GROUP, "a second run at a lower threshold", lower_threshold),
        Check::new(GROUP, "a large linkage: 3000 against 3000 records", large),
    ]
}

async fn waits_for_data(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(61, 40);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let run = project.run("0.8").await?;
    for contributed in 0..2_u32 {
        let status = run.status().await?;
        ensure!(
            status.state <= State::Queued,
            "state {:?} with {contributed} of 2 parties' data",
            status.state
        );
        same("stage", (status.stage, status.stages), (1, 3))?;
        same("description of the stage", &*status.description, "waiting for CLKs")?;
        let progress = Some((u64::from(contributed), f64::from(contributed) / 2.0));
        same("progress (parties, part)", status.progress, progress)?;
        let party = usize::try_from(contributed)?;
        project.upload(party, forms::clks(&parties[party])).await?;
    }
    run.completed().await?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.8));
    same_groups(&read_groups(&run.result().await?)?, &wanted)
}

async fn several_wait(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(62, 40);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let mut runs = Vec::new();
    for threshold in ["0.95", "0.7", "0.97"] {
        runs.push((threshold, project.run(threshold).await?));
    }
    project.upload_all(&parties).await?;
    for (threshold, run) in runs {
        run.completed().await.with_context(|| format!("at {threshold}"))?;
        let wanted = reference::groups(&reference::candidates(&parties, threshold.parse()?));
        same_groups(&read_groups(&run.result().await?)?, &wanted)
            .with_context(|| format!("at {threshold}"))?;
    }
    Ok(())
}

async fn named(session: Arc<Session>) -> Result<()> {
    let project = Project::create(&session, Spec::groups(2)).await?;
    let body = json!({"threshold": 0.875, "name": "größe <&>", "notes": "line\nline"});
    let request = Request::post(project.path("/runs")).token(&project.result).json(&body);
    let posted = session.send(request).await?.expect(201)?.json()?;
    let id = text(&posted, "run_id")?;
    let request = Request::get(project.path(&format!("/runs/{id}"))).token(&project.result);
    let fetched = session.send(request).await?.expect(200)?.json()?;
    for answer in [&posted, &fetched] {
        same("run_id", text(answer, "run_id")?, id)?;
        for member in ["threshold", "name", "notes"] {
            same(member, &answer[member], &body[member])?;
        }
    }
    let plain = project.run("1").await?;
    let fetched =
        session.send(Request::get(plain.path("")).token(&project.result)).await?.expect(200)?.json()?;
    same("name that was left out", text(&fetched, "name")?, "")?;
    same("notes that were left out", text(&fetched, "notes")?, "")
}

async fn listed(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(63, 10);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let (first, second) = (project.run("0.8").await?, project.run("0.9").await?);
    let mut wanted = vec![first.id.clone(), second.id.clone()];
    wanted.sort_unstable();
    for complete in [false, true] {
        if complete {
            project.upload_all(&parties).await?;
            first.completed().await?;
            second.completed().await?;
        }
        let request = Request::get(project.path("/runs")).token(&project.result);
        let list = session.send(request).await?.expect(200)?.json()?;
        let mut ids = Vec::new();
        for run in list.as_array().context("the list of runs is no list")? {
            ids.push(text(run, "run_id")?.to_owned());
            timestamp(text(run, "time_added")?)?;
            let state = text(run, "state")?;
            ensure!(
                (state == "completed") == complete,
                "state {state:?}, while completed should be {complete}"
            );
        }
        ids.sort_unstable();
        same("runs in the list", &ids, &wanted)?;
    }
    Ok(())
}

async fn completed(session: Arc<Session>) -> Result<()> {
    let synth::Pair { mut parties, .. } = synth::pair(64, 40);
    parties[0].truncate(25);
    for (spec, stages) in [(Spec::groups(2), 3), (Spec::scores(), 2), (Spec::permutations(), 3)] {
        let project = Project::create(&session, spec).await?;
        project.upload_all(&parties).await?;
        let status = project.run("0.8").await?.completed().await?;
        same("current stage and stages", (status.stage, status.stages), (stages, stages))?;
        same("total_number_comparisons", status.comparisons, Some(25 * 40))?;
    }
    Ok(())
}

async fn no_result_yet(session: Arc<Session>) -> Result<()> {
    for spec in [Spec::groups(2), Spec::scores(), Spec::permutations()] {
        let project = Project::create(&session, spec).await?;
        let run = project.run("0.8").await?;
        session.send(Request::get(run.path("/result")).token(&project.result)).await?.problem(404)?;
    }
    Ok(())
}

async fn higher_threshold(session: Arc<Session>) -> Result<()> {
    in_turn(session, ["0.5", "0.8", "0.95", "1"]).await
}

async fn lower_threshold(session: Arc<Session>) -> Result<()> {
    in_turn(session, ["1", "0.95", "0.8", "0.5"]).await
}

/// Runs one after the other on the same data, each against the reference.
async fn in_turn(session: Arc<Session>, thresholds: [&str; 4]) -> Result<()> {
    let parties = synth::several(65, 2, 40);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload_all(&parties).await?;
    for threshold in thresholds {
        let wanted = reference::groups(&reference::candidates(&parties, threshold.parse()?));
        let got = read_groups(&project.outcome(threshold).await?)?;
        same_groups(&got, &wanted).with_context(|| format!("at {threshold}"))?;
    }
    Ok(())
}

async fn large(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, planted } = synth::pair(66, 3000);
    let project = Project::create(&session, Spec::groups(2)).await?;
    project.upload(0, forms::binary(&parties[0])).await?;
    project.upload(1, forms::clks(&parties[1])).await?;
    let run = project.run("0.8").await?;
    let status = run.completed().await?;
    same("total_number_comparisons", status.comparisons, Some(3000 * 3000))?;
    let wanted = planted.iter().map(|(a, b)| vec![(0, *a), (1, *b)]).collect();
    same_groups(&read_groups(&run.result().await?)?, &wanted)
}
