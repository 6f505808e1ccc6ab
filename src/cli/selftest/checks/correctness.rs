//! Results on the shipped data against the golden ones: groups and similarity scores at every threshold.

use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::super::fixtures::{self, Set};
use super::super::forms::Form;
use super::super::golden::{Golden, read_groups, read_scores};
use super::super::http::Request;
use super::super::project::{Project, Spec};
use super::super::report::Verdict;
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

async fn groups(session: Arc<Session>, set: &'static Set) -> Result<Verdict> {
    let spec = Spec::groups(set.parties.len());
    at_all_thresholds(session, set, spec, |golden, result| golden.check_groups(&read_groups(result)?)).await
}

async fn scores(session: Arc<Session>, set: &'static Set) -> Result<Verdict> {
    let check = |golden: &Golden, result: &_| golden.check_scores(&read_scores(result)?);
    at_all_thresholds(session, set, Spec::scores(), check).await
}

/// Runs that are posted at once: no more than a service lets be at work (MAX_RUNS_AT_WORK).
const AT_ONCE: usize = 8;

/// Uploads the files as they are, posts runs at all thresholds, several at once, and compares each result.
async fn at_all_thresholds(
    session: Arc<Session>,
    set: &'static Set,
    spec: Spec,
    check: impl Fn(&Golden, &serde_json::Value) -> Result<()>,
) -> Result<Verdict> {
    let project = Project::create(&session, spec.blocking(set.blocking)).await?;
    for (party, file) in set.parties.iter().enumerate() {
        project.upload(party, Form::json(*file)).await?;
    }
    if let Some(bounds) = out_of_bounds(&project, set).await? {
        return Ok(Verdict::Skipped(bounds));
    }
    let golden = set.golden()?;
    for some in golden.chunks(AT_ONCE) {
        let mut runs = Vec::new();
        for (threshold, _) in some {
            runs.push(project.run(threshold).await?);
        }
        for ((threshold, golden), run) in some.iter().zip(runs) {
            let at = || format!("at {threshold}");
            let status = run.completed().await.with_context(at)?;
            check(golden, &run.result().await?).with_context(at)?;
            // Without blocking the two are one number. With it, a pair that shares several blocks may count for each.
            let compared = golden.comparisons..=golden.block_comparisons;
            let told = status.comparisons.unwrap_or_default();
            ensure!(compared.contains(&told), "at {threshold}: {told} comparisons, expected {compared:?}");
        }
    }
    Ok(().into())
}

/// Tells that the operator has set bounds (`MIN_ENCODING_SIZE`, `MAX_ENCODING_SIZE`) that leave out this set's encodings,
/// if the service's refusal says so. Whatever else puts the project in error is left for the check to fail by.
async fn out_of_bounds(project: &Project, set: &Set) -> Result<Option<String>> {
    if project.describe().await?["error"] != serde_json::Value::Bool(true) {
        return Ok(None);
    }
    let run = Request::post(project.path("/runs"))
        .token(&project.result)
        .json(&serde_json::json!({"threshold": 1}));
    let detail = project.session().send(run).await?.problem(409)?.detail;
    let size = set.rows()?.iter().flatten().map(|(encoding, _)| encoding.len()).next().unwrap_or_default();
    Ok(bounds(&detail)
        .filter(|bounds| !bounds.contains(&size))
        .map(|_| format!("this service takes no encodings of {size} bytes: {detail}")))
}

/// The bounds in a text that ends like `a multiple of 8 from 16 to 512`.
fn bounds(text: &str) -> Option<RangeInclusive<usize>> {
    let (least, most) = text.rsplit_once(" from ")?.1.split_once(" to ")?;
    Some(least.parse().ok()?..=most.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_from_the_refusal() {
        assert_eq!(bounds("encoding 0 has 8 bytes, expected a multiple of 8 from 16 to 512"), Some(16..=512));
        assert_eq!(bounds("encoding 7 has 8 bytes, but encoding 0 has 16"), None);
        assert_eq!(bounds("from a to b"), None);
    }
}
