//! Blocking: only pairs that share a block are compared, in whichever form the blocks are uploaded.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::fixtures;
use super::super::forms;
use super::super::golden::{read_groups, read_scores, same_groups, same_scores};
use super::super::project::{Project, Spec};
use super::super::reference::{self, Candidate};
use super::super::reply::same;
use super::super::runner::Check;
use super::super::session::Session;
use super::super::synth::{self, SplitMix};

const GROUP: &str = "blocking";

/// The checks of this file.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(GROUP, "encodings with a block map give the golden groups", block_map),
        Check::new(GROUP, "the two forms may meet in one project", mixed_forms),
        Check::new(GROUP, "integers and strings name the same block", integers),
        Check::new(GROUP, "only pairs with a common block are compared, each once", common_block),
        Check::new(GROUP, "records without a block are never compared", no_block),
        Check::new(GROUP, "no common block at all", nothing_in_common),
    ]
}

/// Encodings, and the block ids of each.
type Columns = (Vec<Vec<u8>>, Vec<Vec<Value>>);

fn unzip(rows: Vec<fixtures::Row>) -> Columns {
    rows.into_iter().unzip()
}

async fn block_map(session: Arc<Session>) -> Result<()> {
    let set = fixtures::set("blocked")?;
    let project = Project::create(&session, Spec::groups(2).blocking(true)).await?;
    for (party, rows) in set.rows()?.into_iter().enumerate() {
        let (encodings, blocks) = unzip(rows);
        project.upload(party, forms::encodings_and_blocks(&encodings, &blocks)).await?;
    }
    for (threshold, golden) in set.golden()? {
        let got = read_groups(&project.outcome(threshold).await?)?;
        golden.check_groups(&got).with_context(|| format!("at {threshold}"))?;
    }
    Ok(())
}

async fn mixed_forms(session: Arc<Session>) -> Result<()> {
    let set = fixtures::set("edge/blocked")?;
    let project = Project::create(&session, Spec::groups(3).blocking(true)).await?;
    for (party, rows) in set.rows()?.into_iter().enumerate() {
        let (encodings, blocks) = unzip(rows);
        let form = match party {
            1 => forms::encodings_and_blocks(&encodings, &blocks),
            _ => forms::clknblocks(&encodings, &blocks),
        };
        project.upload(party, form).await?;
    }
    for (threshold, golden) in set.golden()? {
        let got = read_groups(&project.outcome(threshold).await?)?;
        golden.check_groups(&got).with_context(|| format!("at {threshold}"))?;
    }
    Ok(())
}

async fn integers(session: Arc<Session>) -> Result<()> {
    let synth::Pair { parties, planted } = synth::pair(91, 12);
    let project = Project::create(&session, Spec::groups(2).blocking(true)).await?;
    project.upload(0, forms::clknblocks(&parties[0], &vec![vec![json!(7)]; 12])).await?;
    project.upload(1, forms::encodings_and_blocks(&parties[1], &vec![vec![json!("7")]; 12])).await?;
    let wanted = planted.iter().map(|(a, b)| vec![(0, *a), (1, *b)]).collect();
    same_groups(&read_groups(&project.outcome("0.8").await?)?, &wanted)
}

/// Links two parties with these blocks and compares the scores with the reference, pair by pair.
async fn judge(
    session: &Arc<Session>,
    parties: &[Vec<Vec<u8>>],
    blocks: &[Vec<Vec<Value>>; 2],
) -> Result<u64> {
    let project = Project::create(session, Spec::scores().blocking(true)).await?;
    project.upload(0, forms::clknblocks(&parties[0], &blocks[0])).await?;
    project.upload(1, forms::encodings_and_blocks(&parties[1], &blocks[1])).await?;
    let share = |c: &Candidate| {
        let ids: HashSet<String> = blocks[0][c.a.1].iter().map(Value::to_string).collect();
        blocks[1][c.b.1].iter().any(|id| ids.contains(&id.to_string()))
    };
    let wanted: Vec<Candidate> = reference::candidates(parties, 0.3).into_iter().filter(share).collect();
    let run = project.run("0.3").await?;
    let status = run.completed().await?;
    same_scores(&read_scores(&run.result().await?)?, &wanted)?;
    Ok(status.comparisons.unwrap_or_default())
}

async fn common_block(session: Arc<Session>) -> Result<()> {
    let parties = synth::pair(92, 80).parties;
    let mut rng = SplitMix::new(93);
    // Up to three of seven blocks: many pairs share more than one, some none. An id twice is the same as once.
    let mut lists = || -> Vec<Vec<Value>> {
        (0..80)
            .map(|_| (0..rng.below(4)).map(|_| json!(format!("block {}", rng.below(7)))).collect())
            .collect()
    };
    let blocks = [lists(), lists()];
    judge(&session, &parties, &blocks).await.map(drop)
}

async fn no_block(session: Arc<Session>) -> Result<()> {
    let parties = synth::pair(94, 30).parties;
    let lists = |step: usize| -> Vec<Vec<Value>> {
        (0..30).map(|row| if row % step == 0 { vec![] } else { vec![json!("all")] }).collect()
    };
    let compared = judge(&session, &parties, &[lists(2), lists(3)]).await?;
    same("total_number_comparisons", compared, 15 * 20)
}

async fn nothing_in_common(session: Arc<Session>) -> Result<()> {
    let parties = synth::pair(95, 9).parties;
    let blocks = ["left", "right"].map(|id| vec![vec![json!(id)]; 9]);
    let compared = judge(&session, &parties, &blocks).await?;
    same("total_number_comparisons", compared, 0)
}
