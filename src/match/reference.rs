//! The naive reference that everything is tested against: every pair by its double score, a plain sort, the
//! textbook solver.
//!
//! Nothing here is shared with the engine but the types. Slow on purpose.

use std::collections::BTreeSet;

use super::encoding::Encodings;
use super::key::Candidate;

/// Dice by its definition.
fn score(a: &[u64], b: &[u64]) -> f64 {
    let count = |words: &mut dyn Iterator<Item = u64>| words.map(u64::count_ones).sum::<u32>();
    let and = count(&mut a.iter().zip(b).map(|(x, y)| x & y));
    let sum = count(&mut a.iter().copied()) + count(&mut b.iter().copied());
    if sum == 0 { 0.0 } else { 2.0 * f64::from(and) / f64::from(sum) }
}

/// All candidates in the total order. With blocks (per party, per row: the row's block ids) only pairs that
/// share one.
pub fn candidates(
    parties: &[&Encodings],
    blocks: Option<&[Vec<Vec<u64>>]>,
    threshold: f64,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (p, a) in parties.iter().enumerate() {
        for (q, b) in parties.iter().enumerate().skip(p + 1) {
            for i in 0..a.len() as u32 {
                for j in 0..b.len() as u32 {
                    let shares = |blocks: &[Vec<Vec<u64>>]| {
                        blocks[p][i as usize].iter().any(|block| blocks[q][j as usize].contains(block))
                    };
                    let score = score(a.row(i), b.row(j));
                    if blocks.is_none_or(shares) && score >= threshold {
                        found.push(Candidate { score, party0: p as u16, party1: q as u16, row0: i, row1: j });
                    }
                }
            }
        }
    }
    let place = |c: &Candidate| (c.party0, c.party1, c.row0, c.row1);
    found.sort_by(|x, y| y.score.total_cmp(&x.score).then(place(x).cmp(&place(y))));
    found
}

/// Groups by the rule itself: a set of groups, and every pair seen so far.
pub fn solve(candidates: impl IntoIterator<Item = Candidate>) -> Vec<Vec<(u16, u32)>> {
    type Record = (u16, u32);
    let mut groups: Vec<BTreeSet<Record>> = Vec::new();
    let mut seen: BTreeSet<(Record, Record)> = BTreeSet::new();
    for candidate in candidates {
        let x = (candidate.party0, candidate.row0);
        let y = (candidate.party1, candidate.row1);
        seen.insert((x, y));
        let take = |groups: &mut Vec<BTreeSet<Record>>, record| {
            let place = groups.iter().position(|group| group.contains(&record));
            place.map_or_else(|| BTreeSet::from([record]), |place| groups.remove(place))
        };
        let first = take(&mut groups, x);
        if first.contains(&y) {
            groups.push(first);
            continue;
        }
        let second = take(&mut groups, y);
        let complete =
            first.iter().all(|&a| second.iter().all(|&b| seen.contains(&(a, b)) || seen.contains(&(b, a))));
        if complete {
            groups.push(&first | &second);
        } else {
            groups.extend([first, second]);
        }
    }
    let mut groups: Vec<Vec<Record>> =
        groups.into_iter().filter(|group| group.len() > 1).map(|group| group.into_iter().collect()).collect();
    groups.sort();
    groups
}
