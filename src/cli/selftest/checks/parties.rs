//! More than two parties, against the naive reference.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::super::forms;
use super::super::golden::{read_groups, same_groups};
use super::super::project::{Project, Spec};
use super::super::reference;
use super::super::reply::same;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "parties";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = [3, 5, 8]
        .into_iter()
        .map(|parties| {
            Check::new(
                GROUP,
                format!("groups of {parties} parties are those of the reference"),
                move |session| several(session, parties),
            )
        })
        .collect();
    checks.push(Check::new(GROUP, "parties may upload in any order and form", any_order));
    checks
}

async fn several(session: Arc<Session>, count: usize) -> Result<()> {
    let parties = synth::several(100 + count as u64, count, 60 / count + 2);
    let project = Project::create(&session, Spec::groups(count)).await?;
    project.upload_all(&parties).await?;
    for threshold in ["0.6", "0.7", "0.8", "0.9"] {
        let wanted = reference::groups(&reference::candidates(&parties, threshold.parse()?));
        ensure!(!wanted.is_empty(), "the reference finds nothing at {threshold}");
        let run = project.run(threshold).await?;
        let status = run.completed().await?;
        let got = read_groups(&run.result().await?)?;
        same_groups(&got, &wanted).with_context(|| format!("at {threshold}"))?;
        let sizes: Vec<usize> = parties.iter().map(Vec::len).collect();
        let pairs: usize = (0..count).map(|p| sizes[p] * sizes[p + 1..].iter().sum::<usize>()).sum();
        same("total_number_comparisons", status.comparisons, Some(pairs as u64))?;
    }
    Ok(())
}

async fn any_order(session: Arc<Session>) -> Result<()> {
    let parties = synth::several(109, 4, 12);
    let project = Project::create(&session, Spec::groups(4)).await?;
    let run = project.run("0.7").await?;
    for party in [2, 0, 3, 1] {
        let encodings = &parties[party];
        let form = if party % 2 == 0 { forms::binary(encodings) } else { forms::encodings(encodings) };
        project.upload(party, form).await?;
    }
    run.completed().await?;
    let wanted = reference::groups(&reference::candidates(&parties, 0.7));
    same_groups(&read_groups(&run.result().await?)?, &wanted)
}
