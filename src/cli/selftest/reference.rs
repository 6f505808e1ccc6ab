//! A second, naive implementation of the linkage, to judge the service's results by. It shares no code with the service
//! on purpose, and is written to be obviously right: bytes are compared bit by bit counts, pairs are all tried.

use std::collections::{BTreeMap, HashMap, HashSet};

/// A record: party and row.
pub type Record = (usize, usize);

/// Two records of different parties and their score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Dice coefficient.
    pub score: f64,
    /// The record of the party with the smaller index.
    pub a: Record,
    /// The other record.
    pub b: Record,
}

/// Records that belong together: sorted members, sorted groups.
pub type Groups = Vec<Vec<Record>>;

/// The Sørensen–Dice coefficient `2·|a∧b| / (|a| + |b|)`; 0 if either encoding is empty.
pub fn dice(a: &[u8], b: &[u8]) -> f64 {
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let common: u32 = a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum();
    match (ones(a), ones(b)) {
        (0, _) | (_, 0) => 0.0,
        (in_a, in_b) => f64::from(2 * common) / f64::from(in_a + in_b),
    }
}

/// All pairs of records of two parties whose score reaches the threshold, best first; ties by party, party, row, row.
pub fn candidates(parties: &[Vec<Vec<u8>>], threshold: f64) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (p0, first) in parties.iter().enumerate() {
        for (p1, second) in parties.iter().enumerate().skip(p0 + 1) {
            for (r0, a) in first.iter().enumerate() {
                for (r1, b) in second.iter().enumerate() {
                    let score = dice(a, b);
                    if score >= threshold {
                        found.push(Candidate { score, a: (p0, r0), b: (p1, r1) });
                    }
                }
            }
        }
    }
    let key = |c: &Candidate| (c.a.0, c.b.0, c.a.1, c.b.1);
    found.sort_by(|x, y| y.score.total_cmp(&x.score).then_with(|| key(x).cmp(&key(y))));
    found
}

/// The greedy solver: takes the candidates in order and merges two groups (a lone record is a group of one) once every
/// pair across them has been a candidate.
pub fn groups(candidates: &[Candidate]) -> Groups {
    let mut members: BTreeMap<Record, Vec<Record>> = BTreeMap::new(); // by the group's name: its smallest record
    let mut group_of: HashMap<Record, Record> = HashMap::new();
    let mut seen: HashSet<(Record, Record)> = HashSet::new();
    for candidate in candidates {
        let (a, b) = (candidate.a, candidate.b);
        seen.extend([(a, b), (b, a)]);
        for lone in [a, b] {
            group_of.entry(lone).or_insert_with(|| {
                members.insert(lone, vec![lone]);
                lone
            });
        }
        let (x, y) = (group_of[&a].min(group_of[&b]), group_of[&a].max(group_of[&b]));
        let complete =
            x != y && members[&x].iter().all(|m| members[&y].iter().all(|n| seen.contains(&(*m, *n))));
        if complete {
            let moved = members.remove(&y).unwrap_or_default();
            group_of.extend(moved.iter().map(|record| (*record, x)));
            members.entry(x).or_default().extend(moved);
        }
    }
    sorted(members.into_values().filter(|group| group.len() > 1).collect())
}

/// Sorts the members of each group, then the groups.
pub fn sorted(mut groups: Groups) -> Groups {
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_unstable();
    groups
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn dice_is_the_formula() {
        assert_eq!(dice(&[0b1111_0000], &[0b1100_0011]), 0.5);
        assert_eq!(dice(&[0b111], &[0b110]), 2.0 * 2.0 / 5.0);
        assert_eq!((dice(&[0], &[0]), dice(&[0], &[255]), dice(&[255], &[255])), (0.0, 0.0, 1.0));
    }

    #[test]
    fn groups_merge_only_when_every_pair_was_seen() {
        let pair = |a, b| Candidate { score: 1.0, a, b };
        let chain = [pair((0, 0), (1, 0)), pair((1, 0), (2, 0))];
        assert_eq!(groups(&chain), [vec![(0, 0), (1, 0)]]);
        let triangle = [chain[0], chain[1], pair((0, 0), (2, 0))];
        assert_eq!(groups(&triangle), [vec![(0, 0), (1, 0), (2, 0)]]);
    }

    /// The reference agrees with the golden results, which another program made.
    #[test]
    fn the_reference_agrees_with_the_golden_results() {
        let mut compared = 0;
        for set in fixtures::SETS.iter().filter(|set| !set.blocking) {
            let golden = set.golden().unwrap();
            let lowest = golden[0].0.parse().unwrap();
            let parties =
                set.rows().unwrap().into_iter().map(|rows| rows.into_iter().map(|(row, _)| row).collect());
            let mut found = candidates(&parties.collect::<Vec<_>>(), lowest);
            for (threshold, golden) in golden {
                let threshold: f64 = threshold.parse().unwrap();
                found.retain(|candidate| candidate.score >= threshold);
                golden.check_scores(&found).unwrap();
                golden.check_groups(&groups(&found)).unwrap();
                compared += 1;
            }
        }
        assert!(compared > 40, "{compared} results compared");
    }
}
