//! Candidates by score, in bins of a hundredth.

use super::ScoreRanks;
use crate::matching::key::{Key, KeyLayout};

/// Bins of the histogram: bin *i* holds scores from *i*/100 to below (*i* + 1)/100, the last one 1 as well.
pub const SCORE_BINS: usize = 100;

/// Where the bins lie in the list of attainable scores.
#[derive(Clone, Debug)]
pub struct ScoreBins {
    /// For each bin how many ranks, counted from the best, reach its lower end.
    reaching: [u32; SCORE_BINS],
}

impl ScoreBins {
    /// The bins of these scores.
    pub fn new(ranks: &ScoreRanks) -> Self {
        let mut reaching = [ranks.len(); SCORE_BINS];
        for (bin, reached) in reaching.iter_mut().enumerate().rev() {
            *reached = ranks.reaching(bin as f64 / SCORE_BINS as f64);
            // All scores are above: so they are for the bins below.
            if *reached == ranks.len() {
                break;
            }
        }
        Self { reaching }
    }

    /// Counts ascending keys by bin.
    pub fn count<K: Key>(&self, keys: &[K], layout: &KeyLayout) -> [u64; SCORE_BINS] {
        let mut counts = [0; SCORE_BINS];
        let mut rest = keys;
        for (count, reaching) in counts.iter_mut().zip(&self.reaching).rev() {
            let (here, below) = rest.split_at(rest.partition_point(|key| key.unpack(layout).0 < *reaching));
            (*count, rest) = (here.len() as u64, below);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::encoding::EncodingSize;
    use crate::matching::threshold::Threshold;

    /// Keys of many ranks against scores that are compared one by one.
    fn agrees<K: Key>(bytes: usize, floor: f64, rows: u32) {
        let ranks = ScoreRanks::new(EncodingSize::new(bytes).unwrap(), Threshold::new(floor).unwrap());
        let layout = KeyLayout::new(&ranks, &[rows; 3]).unwrap();
        assert_eq!(layout.fits_u64(), K::BITS == 64, "the case under test");
        let step = (ranks.len() / 5000).max(1) as usize;
        let chosen: Vec<u32> = (0..ranks.len()).step_by(step).chain([ranks.len() - 1]).collect();
        let mut keys: Vec<K> = chosen
            .iter()
            .flat_map(|rank| (0..rank % 4).map(move |n| (*rank, n)))
            .map(|(rank, n)| layout.encode(rank, n % 3, rows - 1 - n, n))
            .collect();
        keys.sort();
        let mut naive = [0; SCORE_BINS];
        for key in &keys {
            let score = layout.decode(&ranks, *key).unwrap().score;
            let bin = (0..SCORE_BINS).rev().find(|bin| score >= *bin as f64 / 100.0).unwrap();
            naive[bin] += 1;
        }
        assert_eq!(ScoreBins::new(&ranks).count(&keys, &layout), naive, "{bytes} {floor}");
        assert_eq!(naive.iter().sum::<u64>(), keys.len() as u64);
        assert_eq!(ScoreBins::new(&ranks).count::<K>(&[], &layout), [0; SCORE_BINS]);
    }

    #[test]
    fn bins_are_those_of_the_scores_themselves() {
        for floor in [1e-9, 0.5, 0.7, 0.705, 0.995, 1.0] {
            agrees::<u64>(8, floor, 1000);
            agrees::<u64>(128, floor, 1000);
            agrees::<u128>(128, floor.min(0.9), 1 << 28);
        }
        agrees::<u128>(1024, 0.8, 1 << 21);
    }
}
