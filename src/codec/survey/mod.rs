//! What a party's encodings look like as a whole: how dense they are, how many are empty, how many come twice.
//!
//! Taken while the rows pass, in constant memory: bits are counted per row into a table, and duplicates are found by hashes (see
//! `duplicates`), exactly for the first million records and as an estimate beyond.

mod duplicates;

use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use crate::matching::kernel::popcount::count_bytes;
use duplicates::Duplicates;

/// Bins of the density histogram, each a fiftieth wide; the last holds 1 as well.
pub const DENSITY_BINS: usize = 50;

/// Hashes that are kept at most: 8 MiB.
const HASHES: usize = 1 << 20;

/// The survey's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyOutcome {
    /// Encodings by their share of bits that are set.
    pub density: [u64; DENSITY_BINS],
    /// Bits set in all encodings together.
    pub bits_set: u64,
    /// Encodings without a bit set.
    pub empty: u64,
    /// Encodings that equal an earlier one.
    pub duplicates: u64,
    /// Whether that is exact, or an estimate.
    pub exact: bool,
}

/// A survey under way.
pub struct Survey {
    size: usize,
    /// Encodings by the number of bits set.
    by_bits: Vec<u64>,
    hasher: SeedableRandomState,
    duplicates: Duplicates,
    /// The beginning of a row whose end is still to come.
    begun: Vec<u8>,
}

impl std::fmt::Debug for Survey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Survey").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Survey {
    /// A survey of encodings of `size` bytes (at least 1). The seed should be random, so that nobody can make encodings whose hashes
    /// agree.
    pub fn new(size: usize, seed: u64) -> Self {
        Self::with_memory(size, seed, HASHES)
    }

    fn with_memory(size: usize, seed: u64, hashes: usize) -> Self {
        let size = size.max(1);
        Self {
            size,
            by_bits: vec![0; size * 8 + 1],
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
            duplicates: Duplicates::new(hashes),
            begun: Vec::new(),
        }
    }

    /// Takes packed rows; a piece may begin and end within a row.
    pub fn push(&mut self, mut rows: &[u8]) {
        if !self.begun.is_empty() {
            let (end, rest) = rows.split_at(rows.len().min(self.size - self.begun.len()));
            self.begun.extend_from_slice(end);
            if self.begun.len() < self.size {
                return;
            }
            let whole = std::mem::take(&mut self.begun);
            self.row(&whole);
            rows = rest;
        }
        let mut whole = rows.chunks_exact(self.size);
        for row in &mut whole {
            self.row(row);
        }
        self.begun.extend_from_slice(whole.remainder());
    }

    fn row(&mut self, row: &[u8]) {
        self.by_bits[count_bytes(row) as usize] += 1;
        let mut hasher = self.hasher.build_hasher();
        hasher.write(row);
        self.duplicates.push(hasher.finish());
    }

    /// Ends the survey. Sorts up to a million hashes, which takes some hundredths of a second.
    pub fn finish(self) -> SurveyOutcome {
        let mut density = [0; DENSITY_BINS];
        let bits = self.size * 8;
        for (set, encodings) in self.by_bits.iter().enumerate() {
            density[(set * DENSITY_BINS / bits).min(DENSITY_BINS - 1)] += encodings;
        }
        let bits_set = (0_u64..).zip(&self.by_bits).map(|(set, encodings)| set * encodings).sum();
        let (duplicates, exact) = self.duplicates.finish();
        let most = self.by_bits.iter().sum::<u64>().saturating_sub(1);
        SurveyOutcome { density, bits_set, empty: self.by_bits[0], duplicates: duplicates.min(most), exact }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The same, one row after the other and with fractions.
    fn naive(size: usize, rows: &[u8]) -> SurveyOutcome {
        let mut density = [0; DENSITY_BINS];
        let (mut bits_set, mut empty, mut seen, mut duplicates) = (0, 0, HashSet::new(), 0);
        for row in rows.chunks(size) {
            let set: u64 = row.iter().map(|byte| u64::from(byte.count_ones())).sum();
            let bin = (0..DENSITY_BINS as u64).rev().find(|bin| set * 50 >= bin * size as u64 * 8).unwrap();
            density[bin as usize] += 1;
            bits_set += set;
            empty += u64::from(set == 0);
            duplicates += u64::from(!seen.insert(row));
        }
        SurveyOutcome { density, bits_set, empty, duplicates, exact: true }
    }

    proptest! {
        #[test]
        fn pieces_cut_anywhere_make_the_naive_survey(
            (size, rows) in (1usize..5).prop_flat_map(|words| {
                // Few values, so that rows repeat and some are empty or full.
                let byte = prop_oneof![Just(0u8), Just(255), Just(1)];
                (Just(words * 8), (0usize..60).prop_flat_map(move |count| prop::collection::vec(byte.clone(), words * 8 * count)))
            }),
            piece in 1usize..50, seed in any::<u64>(), repeats in 1usize..4,
        ) {
            let rows = rows.repeat(repeats);
            let mut survey = Survey::new(size, seed);
            rows.chunks(piece).for_each(|piece| survey.push(piece));
            prop_assert_eq!(survey.finish(), naive(size, &rows));
        }
    }

    #[test]
    fn the_last_bin_holds_full_encodings_and_the_first_empty_ones() {
        let mut survey = Survey::new(8, 1);
        survey.push(&[0; 8]);
        survey.push(&[255; 24]);
        let outcome = survey.finish();
        assert_eq!((outcome.density[0], outcome.density[49]), (1, 3));
        assert_eq!((outcome.empty, outcome.bits_set, outcome.duplicates), (1, 192, 2));
    }

    #[test]
    fn more_than_fits_is_estimated() {
        let mut survey = Survey::with_memory(8, 5, 1 << 12);
        let (records, repeated) = (200_000_u64, 60_000_u64);
        for number in (0..records).chain(0..repeated) {
            survey.push(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        let outcome = survey.finish();
        assert!(!outcome.exact);
        let error = outcome.duplicates.abs_diff(repeated) as f64 / repeated as f64;
        assert!(error < 0.1, "{} instead of {repeated}", outcome.duplicates);
        assert_eq!(outcome.density.iter().sum::<u64>(), records + repeated);
    }
}
