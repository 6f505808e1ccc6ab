//! Scores, and their exact ranks.
//!
//! The Sørensen–Dice score of two filters is `2·|a∧b| / (|a| + |b|)`, one double division of two exact
//! integers. With c = |a∧b| and u = |a∨b| = |a| + |b| − c it is 2x/(1+x) for the Jaccard quotient x = c/u, so
//! two pairs have the same score iff they have the same c/u. A filter of B bits has u ≤ B, so the attainable
//! scores are exactly the Farey fractions of order B: 318 964 of them for 1024 bits, 20.4 million for 8192,
//! about a third of that above 0.8. Different ones stay different as doubles, for they are further apart than
//! 2⁻²⁸.
//!
//! A candidate's key holds the *rank* of its score: its index in the descending list of attainable scores
//! that reach the floor threshold. How a rank is found at the rate of the kernels is told in `finder`; the
//! way back is a table of doubles where it is small, else arithmetic on the fraction (`farey`).

mod bins;
mod farey;
mod finder;

use super::encoding::EncodingSize;
use super::threshold::{NeedTable, Threshold};
use finder::Fixed;

pub(super) use finder::Direct;
#[cfg(target_arch = "x86_64")]
pub(super) use finder::SumRow;

pub use bins::{SCORE_BINS, ScoreBins};

/// The score of a pair with `and` bits in common and `sum` = |a| + |b|. 0 where the sum is.
#[inline]
pub fn dice(and: u32, sum: u32) -> f64 {
    if sum == 0 { 0.0 } else { 2.0 * f64::from(and) / f64::from(sum) }
}

/// Encodings of at most so many bits get the tables: 3.4 MiB of them at most, 1.7 MiB above 0.8.
const MAX_TABLE_BITS: usize = 1024;

/// The attainable scores of one encoding size that reach a floor threshold, best first.
#[derive(Clone, Debug)]
pub struct ScoreRanks {
    len: u32,
    finder: Finder,
}

#[derive(Clone, Debug)]
enum Finder {
    /// Ranks by sum and |a∧b|, and scores by rank.
    Tables(Direct, Vec<f64>),
    Fixed(Fixed),
}

impl ScoreRanks {
    /// Lists the scores. Takes about a millisecond for 1024 bits and 0.2 s for 8192: make it once per
    /// comparison.
    pub fn new(size: EncodingSize, floor: Threshold) -> Self {
        let bits = size.bits() as u32;
        let fractions = farey::descending_fractions(bits)
            .take_while(|&(and, union)| dice(and, and + union) >= floor.get());
        if size.bits() <= MAX_TABLE_BITS {
            let mut direct = Direct::new(&NeedTable::new(size, floor));
            let mut scores = Vec::new();
            for (and, union) in fractions {
                let rank = scores.len() as u32;
                // The fraction and its multiples: every pair that has this score.
                (1..=bits / union).for_each(|k| direct.set(k * and, k * (and + union), rank));
                scores.push(dice(and, and + union));
            }
            scores.shrink_to_fit();
            Self { len: scores.len() as u32, finder: Finder::Tables(direct, scores) }
        } else {
            let fixed = Fixed::new(bits, fractions);
            Self { len: fixed.len(), finder: Finder::Fixed(fixed) }
        }
    }

    /// Number of attainable scores: ranks run from 0 to one less.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no score reaches the floor. Never so: 1 always does.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rank of the score of a pair that reaches the floor. Asked with the |a∧b| that a pair lacks to
    /// reach it, it answers with any rank. Other questions, such as a union beyond the encoding's bits, may
    /// panic.
    #[inline]
    pub fn rank(&self, and: u32, sum: u32) -> u32 {
        match &self.finder {
            Finder::Tables(direct, _) => direct.rank(and, sum),
            Finder::Fixed(fixed) => fixed.rank(and, sum - and),
        }
    }

    /// The tables behind [`rank`](Self::rank), for encodings that have them and kernels that look several up at once.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn tables(&self) -> Option<&Direct> {
        match &self.finder {
            Finder::Tables(direct, _) => Some(direct),
            Finder::Fixed(_) => None,
        }
    }

    /// The score of a rank, as the exact double that [`dice`] gives. `None` when there is no such rank.
    pub fn score(&self, rank: u32) -> Option<f64> {
        match &self.finder {
            Finder::Tables(_, scores) => scores.get(rank as usize).copied(),
            Finder::Fixed(fixed) => fixed.fraction(rank).map(|(and, union)| dice(and, and + union)),
        }
    }

    /// How many of the ranks, counted from the best, have a score of at least `least`.
    pub fn reaching(&self, least: f64) -> u32 {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.score(middle) {
                Some(score) if score >= least => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        match &self.finder {
            Finder::Tables(direct, scores) => direct.memory_bytes() + scores.capacity() * size_of::<f64>(),
            Finder::Fixed(fixed) => fixed.memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(bytes: usize, floor: f64) -> ScoreRanks {
        ScoreRanks::new(EncodingSize::new(bytes).unwrap(), Threshold::new(floor).unwrap())
    }

    /// Every attainable score of a filter of `bits` bits, by trying all popcounts.
    fn attainable(bits: u32, floor: f64) -> Vec<f64> {
        let mut all: Vec<f64> = (1..=bits)
            .flat_map(|union| (1..=union).map(move |and| dice(and, and + union)))
            .filter(|&score| score >= floor)
            .collect();
        all.sort_unstable_by(|x, y| y.total_cmp(x));
        all.dedup();
        all
    }

    #[test]
    fn ranks_list_the_attainable_scores_in_descending_order() {
        for (bytes, floor) in [(8, 1e-9), (8, 0.8), (16, 0.5), (24, 0.66), (128, 0.8), (128, 1.0), (136, 0.9)]
        {
            let ranks = ranks(bytes, floor);
            let expected = attainable(bytes as u32 * 8, floor);
            let listed: Vec<f64> = (0..ranks.len()).map(|rank| ranks.score(rank).unwrap()).collect();
            assert_eq!(listed, expected, "{bytes} {floor}");
            assert_eq!(ranks.score(ranks.len()), None);
            for least in [0.0, floor, 0.83, 6.0 / 7.0, 1.0] {
                let reaching = expected.iter().filter(|&&score| score >= least).count();
                assert_eq!(ranks.reaching(least), reaching as u32, "{bytes} {floor} {least}");
            }
        }
    }

    #[test]
    fn every_pair_finds_its_score_again() {
        for (bytes, floor) in [(8, f64::MIN_POSITIVE), (128, 0.79), (128, 1.0), (136, 0.85)] {
            let ranks = ranks(bytes, floor);
            for union in 1..=bytes as u32 * 8 {
                for and in (1..=union).filter(|&and| dice(and, and + union) >= floor) {
                    let score = ranks.score(ranks.rank(and, and + union)).unwrap();
                    assert_eq!(score, dice(and, and + union), "{and}/{union}");
                }
            }
        }
    }

    #[test]
    fn the_largest_encodings_take_little_memory() {
        let ranks = ranks(1024, 0.6);
        assert!(ranks.memory_bytes() < 12 << 20, "{}", ranks.memory_bytes());
        for union in (1..=8192u32).rev().step_by(13).chain(1..50) {
            for and in (1..=union).rev().step_by(7).filter(|&and| dice(and, and + union) >= 0.6) {
                let rank = ranks.rank(and, and + union);
                assert_eq!(ranks.score(rank), Some(dice(and, and + union)), "{and}/{union}");
            }
        }
    }
}
