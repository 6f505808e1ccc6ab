//! What a party's upload looks like, for people who wonder whether it is what they meant to send. Kept as JSON with the party: later
//! versions may add members and must read what earlier ones wrote.

use serde::{Deserialize, Serialize};

use crate::matching::score::SCORE_BINS;

/// Width of a bin of the density histogram.
pub const DENSITY_WIDTH: f64 = 0.02;

/// Width of a bin of the histogram of scores.
pub const SCORE_WIDTH: f64 = 0.01;

/// Candidate pairs by score, in bins of [`SCORE_WIDTH`]; the last holds 1 as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScoreHistogram(Vec<u64>);

impl Default for ScoreHistogram {
    fn default() -> Self {
        Self(vec![0; SCORE_BINS])
    }
}

impl From<[u64; SCORE_BINS]> for ScoreHistogram {
    fn from(counts: [u64; SCORE_BINS]) -> Self {
        Self(counts.to_vec())
    }
}

impl ScoreHistogram {
    /// The pairs in each bin.
    pub fn counts(&self) -> &[u64] {
        &self.0
    }

    /// Adds the pairs of another part of the same comparison.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.saturating_add(*more);
        }
    }
}

/// A party's upload as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyReport {
    /// Encodings by their share of bits that are set, in bins of [`DENSITY_WIDTH`]; the last holds 1 as well.
    pub density: Vec<u64>,
    /// Bits set in all encodings together.
    pub bits_set: u64,
    /// Encodings without a bit set.
    pub empty: u64,
    /// Encodings that equal an earlier one.
    pub duplicates: Duplicates,
    /// The blocks, in a project that uses blocking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<BlockReport>,
}

/// Encodings that equal an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// How many.
    pub count: u64,
    /// Whether that is exact, or an estimate.
    pub exact: bool,
}

/// A party's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReport {
    /// Distinct block ids.
    pub blocks: u64,
    /// Memberships of records in blocks.
    pub memberships: u64,
    /// Records in no block.
    pub records_without: u64,
    /// Records in the largest block.
    pub largest: u64,
}

impl PartyReport {
    /// Mean share of bits set, of so many encodings of so many bytes; `None` if there are none.
    pub fn mean(&self, count: u64, size: usize) -> Option<f64> {
        let bits = count as f64 * size as f64 * 8.0;
        (bits > 0.0).then(|| self.bits_set as f64 / bits)
    }

    /// What surely is a mistake.
    pub fn warnings(&self, count: u64) -> Vec<String> {
        let empty = self.empty;
        let warning = match empty {
            0 => return Vec::new(),
            1 => format!("1 of {count} encodings has no bit set: it can't match any other"),
            _ => format!("{empty} of {count} encodings have no bit set: they can't match any other"),
        };
        vec![warning]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let report = PartyReport {
            density: vec![1, 2],
            bits_set: 48,
            empty: 1,
            duplicates: Duplicates { count: 0, exact: true },
            blocks: None,
        };
        let text = r#"{"density":[1,2],"bits_set":48,"empty":1,"duplicates":{"count":0,"exact":true}}"#;
        assert_eq!(serde_json::to_string(&report).unwrap(), text);
        let later = text.replace("{\"density\"", "{\"later\":7,\"density\"");
        assert_eq!(serde_json::from_str::<PartyReport>(&later).unwrap(), report);
        assert_eq!(report.mean(3, 8), Some(0.25));
        assert_eq!(report.mean(0, 8), None);
        assert_eq!(report.warnings(3), ["1 of 3 encodings has no bit set: it can't match any other"]);
    }
}
