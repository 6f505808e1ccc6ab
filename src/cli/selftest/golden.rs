//! Golden results, and the comparison of the service's results with them.

use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use blake2b_simd::Params;
use serde::Deserialize;
use serde_json::Value;

use super::reference::{Candidate, Groups, Record, sorted};
use super::reply::{list, same};

/// What the reference implementation found in one data set at one threshold.
#[derive(Debug, Clone, Deserialize)]
pub struct Golden {
    /// Different pairs that are compared.
    pub comparisons: u64,
    /// The same, counting a pair once for every block that it shares.
    pub block_comparisons: u64,
    candidates: usize,
    candidates_blake2b: String,
    first: Vec<(Record, Record, String)>,
    groups: Groups,
}

impl Golden {
    /// Fails unless these are the golden groups.
    ///
    /// # Errors
    /// Says how many groups are missing or wrong, with the first of each.
    pub fn check_groups(&self, got: &Groups) -> Result<()> {
        same_groups(got, &self.groups)
    }

    /// The golden groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Fails unless these are the golden candidates: in their order, with scores equal bit for bit.
    ///
    /// # Errors
    /// Says what differs.
    pub fn check_scores(&self, got: &[Candidate]) -> Result<()> {
        for (index, (wanted, got)) in self.first.iter().zip(got).enumerate() {
            let (a, b, score) = wanted;
            let wanted = Candidate { score: score.parse().context("a golden score")?, a: *a, b: *b };
            same(&format!("candidate {index}"), *got, wanted)?;
        }
        same("number of candidates", got.len(), self.candidates)?;
        check_order(got)?;
        ensure!(
            digest(got) == self.candidates_blake2b,
            "the digest of all {} candidates isn't the golden one: a score or an index differs",
            got.len()
        );
        Ok(())
    }
}

/// BLAKE2b-256 over the candidates, 24 bytes each: score, party 0, party 1, row 0, row 1, little-endian.
fn digest(candidates: &[Candidate]) -> String {
    let mut hash = Params::new().hash_length(32).to_state();
    for Candidate { score, a, b } in candidates {
        hash.update(&score.to_le_bytes());
        for index in [a.0, b.0, a.1, b.1] {
            hash.update(&u32::try_from(index).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    hash.finalize().as_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Fails unless the candidates stand strictly in the one total order.
fn check_order(candidates: &[Candidate]) -> Result<()> {
    let key = |c: &Candidate| (c.a.0, c.b.0, c.a.1, c.b.1);
    for (index, pair) in candidates.windows(2).enumerate() {
        let order = pair[1].score.total_cmp(&pair[0].score).then_with(|| key(&pair[0]).cmp(&key(&pair[1])));
        ensure!(order.is_lt(), "candidates {index} and {} are out of order", index + 1);
    }
    Ok(())
}

/// Fails unless the candidates are equal, scores bit for bit.
///
/// # Errors
/// Names the first that differs.
pub fn same_scores(got: &[Candidate], wanted: &[Candidate]) -> Result<()> {
    for (index, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        same(&format!("candidate {index}"), (got, got.score.to_bits()), (wanted, wanted.score.to_bits()))?;
    }
    same("number of candidates", got.len(), wanted.len())
}

/// Fails unless the groups are equal. Both are sorted.
///
/// # Errors
/// Says how many groups are missing or wrong, with the first of each.
pub fn same_groups(got: &Groups, wanted: &Groups) -> Result<()> {
    if got == wanted {
        return Ok(());
    }
    let lacking = |from: &Groups, other: &Groups| {
        let lack: Vec<_> = from.iter().filter(|group| other.binary_search(group).is_err()).cloned().collect();
        (lack.len(), lack.first().cloned().unwrap_or_default())
    };
    let ((missing, first_missing), (wrong, first_wrong)) = (lacking(wanted, got), lacking(got, wanted));
    bail!(
        "expected {} groups, got {}: {missing} are missing (first {first_missing:?}), {wrong} are wrong (first \
         {first_wrong:?})",
        wanted.len(),
        got.len()
    );
}

fn record(value: &Value) -> Option<Record> {
    match value.as_array()?.as_slice() {
        [party, row] => Some((usize::try_from(party.as_u64()?).ok()?, usize::try_from(row.as_u64()?).ok()?)),
        _ => None,
    }
}

/// The groups of a result, in the order in which they stand.
///
/// # Errors
/// The result isn't as the API promises.
pub fn read_groups_in_order(result: &Value) -> Result<Groups> {
    let groups: Option<Groups> =
        list(result, "groups")?.iter().map(|group| group.as_array()?.iter().map(record).collect()).collect();
    let groups = groups.context("a group is no list of [party, row]")?;
    ensure!(groups.iter().all(|group| group.len() >= 2), "a group has fewer than two records");
    Ok(groups)
}

/// The groups of a result, sorted.
///
/// # Errors
/// The result isn't as the API promises.
pub fn read_groups(result: &Value) -> Result<Groups> {
    Ok(sorted(read_groups_in_order(result)?))
}

/// The candidates of a result, in their order.
///
/// # Errors
/// The result isn't as the API promises.
pub fn read_scores(result: &Value) -> Result<Vec<Candidate>> {
    let candidate = |value: &Value| match value.as_array()?.as_slice() {
        [a, b, score] => Some(Candidate { score: score.as_f64()?, a: record(a)?, b: record(b)? }),
        _ => None,
    };
    let scores: Option<Vec<_>> = list(result, "similarity_scores")?.iter().map(candidate).collect();
    scores.context("a similarity score isn't [[party, row], [party, row], score]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_are_read() {
        let groups = read_groups(&json!({"groups": [[[1, 2], [0, 3]], [[0, 1], [1, 1]]]})).unwrap();
        assert_eq!(groups, [vec![(0, 1), (1, 1)], vec![(0, 3), (1, 2)]]);
        for bad in [json!({}), json!({"groups": [[[0, 1]]]}), json!({"groups": [[[0, 1], [1]]]})] {
            assert!(read_groups(&bad).is_err(), "{bad}");
        }
        let scores = read_scores(&json!({"similarity_scores": [[[0, 1], [1, 2], 0.75]]})).unwrap();
        assert_eq!(scores, [Candidate { score: 0.75, a: (0, 1), b: (1, 2) }]);
    }

    #[test]
    fn differences_are_found() {
        let wanted = vec![vec![(0, 0), (1, 0)], vec![(0, 1), (1, 1)]];
        let error = same_groups(&vec![vec![(0, 0), (1, 0)], vec![(0, 1), (1, 2)]], &wanted).unwrap_err();
        assert!(error.to_string().contains("1 are missing (first [(0, 1), (1, 1)])"), "{error}");
        let at = |score, row| Candidate { score, a: (0, 0), b: (1, row) };
        assert!(check_order(&[at(0.9, 1), at(0.8, 0), at(0.8, 1)]).is_ok());
        assert!(check_order(&[at(0.8, 1), at(0.8, 0)]).is_err());
        assert!(check_order(&[at(0.8, 1), at(0.8, 1)]).is_err());
        assert!(same_scores(&[at(0.8, 1)], &[at(f64::from_bits(0.8_f64.to_bits() + 1), 1)]).is_err());
    }
}
