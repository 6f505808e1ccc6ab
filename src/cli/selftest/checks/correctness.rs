//! Results on the shipped data against the golden ones: groups and similarity scores at every threshold.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::super::fixtures::{self, Set};
use super::super::forms::Form;
use super::super::golden::{Golden, read_groups, read_scores};
use super::super::project::{Project, Spec};
use super::super::runner::Check;
use super::super::session::Session;

const GROUP: &str = "correctness";

/// The checks of this file: groups for every set, scores for every set of two parties.
pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for set in fixtures::SETS {
        let name = format!("groups of {} are the golden ones", set.name);
        checks.push(Check::new(GROUP, name, move |session| groups(session, set)));
        if set.parties.len() == 2 {
            let name = format!("similarity scores of {} are the golden ones, bit for bit", set.name);
            checks.push(Check::new(GROUP, name, move |session| scores(session, set)));
        }
    }
    checks
}

async fn groups(session: Arc<Session>, set: &'static Set) -> Result<()> {
    let spec = Spec::groups(set.parties.len());
    at_all_thresholds(session, set, spec, |golden, result| golden.check_groups(&read_groups(result)?)).await
}

async fn scores(session: Arc<Session>, set: &'static Set) -> Result<()> {
    let check = |golden: &Golden, result: &_| golden.check_scores(&read_scores(result)?);
    at_all_thresholds(session, set, Spec::scores(), check).await
}

/// Uploads the files as they are, posts all runs at once and compares each result.
async fn at_all_thresholds(
    session: Arc<Session>,
    set: &'static Set,
    spec: Spec,
    check: impl Fn(&Golden, &serde_json::Value) -> Result<()>,
) -> Result<()> {
    let project = Project::create(&session, spec.blocking(set.blocking)).await?;
    for (party, file) in set.parties.iter().enumerate() {
        project.upload(party, Form::json(*file)).await?;
    }
    let golden = set.golden()?;
    let mut runs = Vec::new();
    for (threshold, _) in &golden {
        runs.push(project.run(threshold).await?);
    }
    for ((threshold, golden), run) in golden.iter().zip(runs) {
        let at = || format!("at {threshold}");
        let status = run.completed().await.with_context(at)?;
        check(golden, &run.result().await?).with_context(at)?;
        // Without blocking the two are one number. With it, a pair that shares several blocks may count for each.
        let compared = golden.comparisons..=golden.block_comparisons;
        let told = status.comparisons.unwrap_or_default();
        ensure!(compared.contains(&told), "at {threshold}: {told} comparisons, expected {compared:?}");
    }
    Ok(())
}
