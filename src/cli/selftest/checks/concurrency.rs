//! Many things at once.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures::future::{join_all, try_join_all};

use super::super::forms;
use super::super::golden::{read_groups, same_groups};
use super::super::project::{Project, Spec};
use super::super::reference;
use super::super::reply::same;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "concurrency";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "8 linkages at once all come out right", linkages),
        Check::new(GROUP, "of 6 uploads at once with one token, one succeeds", one_upload),
        Check::new(GROUP, "both parties upload at once while a run waits", both_upload),
        Check::new(GROUP, "8 runs at once on one project agree", runs),
    ]
}

async fn linkages(session: Arc<Session>) -> Result<()> {
    let link = async |seed: u64| {
        let parties = synth::several(seed, 2 + usize::try_from(seed % 3)?, 30);
        let project = Project::create(&session, Spec::groups(parties.len())).await?;
        let run = project.run("0.75").await?;
        project.upload_all(&parties).await?;
        run.completed().await?;
        let wanted = reference::groups(&reference::candidates(&parties, 0.75));
        same_groups(&read_groups(&run.result().await?)?, &wanted).with_context(|| format!("linkage {seed}"))
    };
    try_join_all((120..128).map(link)).await.map(drop)
}

async fn one_upload(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, .. } = synth::pair(131, 200);
    let project = Project::create(&session, Spec::groups(2)).await?;
    let uploads = (0..6).map(|n| {
        let form = if n % 2 == 0 { forms::clks(&parties[0]) } else { forms::binary(&parties[0]) };
        project.send_upload(0, form)
    });
    let mut accepted = 0;
    for reply in join_all(uploads).await {
        let reply = reply?;
        if reply.status == 201 {
            accepted += 1;
        } else {
            reply.problem(403)?;
        }
    }
    same("uploads that succeeded", accepted, 1)?;
    project.upload(1, forms::clks(&parties[1])).await?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.8));
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

async fn both_upload(session: Arc<Session>) -> Result<()> {
    for seed in 140..144 {
        let synth::Pair { parties, .. } = synth::pair(seed, 50);
        let project = Project::create(&session, Spec::groups(2)).await?;
        let run = project.run("0.8").await?;
        let uploads = (0..2).map(|party| project.upload(party, forms::clks(&parties[party])));
        try_join_all(uploads).await?;
        run.completed().await?;
        let wanted = reference::groups(&reference::candidates(&parties, 0.8));
        same_groups(&read_groups(&run.result().await?)?, &wanted)?;
    }
    Ok(())
}

async fn runs(session: Arc<Session>) -> Result<()> {
    let parties = synth::several(150, 3, 40);
    let project = Project::create(&session, Spec::groups(3)).await?;
    project.upload_all(&parties).await?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.7));
    let outcomes = try_join_all((0..8).map(|_| project.outcome("0.7"))).await?;
    for outcome in outcomes {
        same_groups(&read_groups(&outcome)?, &wanted)?;
    }
    Ok(())
}
