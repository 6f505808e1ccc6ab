//! Permutations: each party's own, and the mask; applied together they must give exactly the matches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::fixtures;
use super::super::forms::Form;
use super::super::golden::same_groups;
use super::super::project::{Project, Run, Spec};
use super::super::reference::{Groups, sorted};
use super::super::reply::{list, same, whole};
use super::super::runner::Check;
use super::super::secret::Secret;
use super::super::session::Session;
use super::super::synth;

const GROUP: &str = "permutations";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, threshold) in [("edge/lopsided", "0.85"), ("edge/size-128", "0.7"), ("blocked", "0.8")] {
        for larger in [false, true] {
            let positions = if larger { "larger" } else { "smaller" };
            checks.push(Check::new(
                GROUP,
                format!("mask and permutations give the golden matches of {name}, up to the {positions} party's size"),
                move |session| golden(session, name, threshold, larger),
            ));
        }
    }
    checks.push(Check::new(GROUP, "a run's permutations stay, another run's differ", randomness));
    checks
}

/// Everything that a run gives out: the mask, and each party's permutation.
#[derive(Debug, PartialEq, Eq)]
struct Revealed {
    mask: Vec<u64>,
    permutations: Vec<Vec<usize>>,
}

fn numbers(body: &Value, name: &str) -> Result<Vec<u64>> {
    let numbers: Option<Vec<u64>> = list(body, name)?.iter().map(Value::as_u64).collect();
    numbers.with_context(|| format!("{name:?} isn't all whole numbers"))
}

impl Revealed {
    /// From a run whose positions reach so far.
    async fn fetch(run: &Run<'_>, receipts: &[Secret], sizes: &[usize], length: usize) -> Result<Self> {
        let mask = numbers(&run.result().await?, "mask")?;
        same("length of the mask", mask.len(), length)?;
        ensure!(mask.iter().all(|bit| *bit <= 1), "the mask holds something other than 0 and 1");
        let mut permutations = Vec::new();
        for (party, (receipt, size)) in receipts.iter().zip(sizes).enumerate() {
            let body = run.result_for(receipt).await?;
            same("rows", whole(&body, "rows")?, length as u64)?;
            let positions: Vec<usize> =
                numbers(&body, "permutation")?.into_iter().map(usize::try_from).collect::<Result<_, _>>()?;
            let all: BTreeSet<usize> = positions.iter().copied().collect();
            let end = length.max(*size);
            ensure!(
                positions.len() == *size && all.len() == *size && all.last().is_none_or(|last| *last < end),
                "party {party}'s permutation of {size} rows doesn't hold {size} different positions below {end}"
            );
            permutations.push(positions);
        }
        Ok(Self { mask, permutations })
    }

    /// The pairs of rows that stand at the same position where the mask is 1.
    fn matches(&self) -> Groups {
        let [a, b] = self.permutations.as_slice() else { return Vec::new() };
        let row_of_b: HashMap<usize, usize> =
            b.iter().enumerate().map(|(row, position)| (*position, row)).collect();
        let matched = a.iter().enumerate().filter(|(_, position)| self.mask.get(**position) == Some(&1));
        sorted(matched.map(|(row, position)| vec![(0, row), (1, row_of_b[position])]).collect())
    }
}

async fn golden(session: Arc<Session>, name: &str, threshold: &str, larger: bool) -> Result<()> {
    let set = fixtures::set(name)?;
    let sizes: Vec<usize> = set.rows()?.iter().map(Vec::len).collect();
    let spec = Spec::permutations().blocking(set.blocking);
    let spec = if larger { spec.larger_positions() } else { spec };
    let project = Project::create(&session, spec).await?;
    let mut receipts = Vec::new();
    for (party, file) in set.parties.iter().enumerate() {
        receipts.push(project.upload(party, Form::json(*file)).await?);
    }
    let run = project.run(threshold).await?;
    run.completed().await?;
    let length = if larger { sizes.iter().max() } else { sizes.iter().min() };
    let revealed = Revealed::fetch(&run, &receipts, &sizes, length.copied().unwrap_or(0)).await?;
    let golden = set.golden()?;
    let (_, golden) =
        golden.iter().find(|(at, _)| *at == threshold).context("no golden result at the threshold")?;
    ensure!(!golden.groups().is_empty(), "the golden result is empty");
    same_groups(&revealed.matches(), golden.groups())?;
    same("ones in the mask", revealed.mask.iter().sum::<u64>(), golden.groups().len() as u64)
}

/// With 60 rows a side, two runs agree by chance once in 60! times.
async fn randomness(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, planted } = synth::pair(81, 60);
    let sizes: Vec<usize> = parties.iter().map(Vec::len).collect();
    let project = Project::create(&session, Spec::permutations()).await?;
    let receipts = project.upload_all(&parties).await?;
    let wanted: Groups = planted.iter().map(|(a, b)| vec![(0, *a), (1, *b)]).collect();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let run = project.run("0.8").await?;
        run.completed().await?;
        let revealed = Revealed::fetch(&run, &receipts, &sizes, 60).await?;
        same_groups(&revealed.matches(), &wanted)?;
        let again = Revealed::fetch(&run, &receipts, &sizes, 60).await?;
        ensure!(revealed == again, "the same run gave another permutation or mask when asked again");
        seen.push(revealed);
    }
    for party in 0..2 {
        ensure!(
            seen[0].permutations[party] != seen[1].permutations[party],
            "two runs gave party {party} the same permutation: it isn't random"
        );
    }
    let identity: Vec<usize> = (0..60).collect();
    ensure!(
        seen.iter().all(|run| !run.permutations.contains(&identity)),
        "a permutation leaves every row in place"
    );
    Ok(())
}
