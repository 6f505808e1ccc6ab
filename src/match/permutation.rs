//! Permutations and mask of a two-party linkage.
//!
//! Each matched pair gets one position, the same in both permutations, and the mask marks it. All other rows of a party get random
//! positions among those that are free. How far positions reach decides what a party learns from its permutation alone:
//!
//! - [`Positions::Larger`]: 0…N−1, N being the larger dataset's size. Whatever the pairs are, a party's permutation is a uniform injection of
//!   its rows into these positions: m rows of pairs get a uniform ordered sample, the others a uniform injection into the rest, and
//!   each injection of all rows has the same probability (N−n)!/N!. So it tells nothing of which rows matched.
//! - [`Positions::Smaller`]: pairs get 0…m−1, m being the smaller dataset's size, as the Anonlink Entity Service does. Every row of the
//!   larger dataset at m or beyond is then known to match nothing, and each further run says so of other rows.
//!
//! Randomness is ChaCha20 keyed by one seed per run: three streams (positions of pairs, fill of each party),
//! so the same seed gives the same result in any process that does the task again. Bounded draws reject, so
//! there is no modulo bias.

use bitvec::prelude::{BitVec, Lsb0, bitvec};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

/// How far the positions of pairs reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// As many as the smaller dataset has rows: the form of the Anonlink Entity Service.
    Smaller,
    /// As many as the larger dataset has rows.
    Larger,
}

impl Positions {
    /// The length of the mask for datasets of so many rows.
    pub fn length(self, rows: [u32; 2]) -> u32 {
        match self {
            Self::Smaller => rows[0].min(rows[1]),
            Self::Larger => rows[0].max(rows[1]),
        }
    }
}

/// The new order of two parties' rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permutations {
    /// Set at the positions where both parties hold the same entity.
    pub mask: BitVec<u64, Lsb0>,
    /// For each party: `permutation[row]` = position of the row.
    pub permutation: [Vec<u32>; 2],
}

/// Pairs that are no one-to-one match of the rows.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PermutationError {
    /// A pair names a row that its party does not have.
    #[error("row {row} of party {party} is out of range: the party has {rows} rows")]
    NoSuchRow { party: usize, row: u32, rows: u32 },
    /// A row is in two pairs.
    #[error("row {row} of party {party} is in more than one pair")]
    Twice { party: usize, row: u32 },
}

/// A row that has no position yet. No position is so large: there are at most `u32::MAX` rows.
const UNPLACED: u32 = u32::MAX;

/// Draws mask and permutations for `pairs` of (row of party 0, row of party 1).
///
/// The result depends on the seed, the numbers of rows, and the pairs in their order.
///
/// # Errors
/// A pair names a row that isn't there, or a row is in two pairs.
pub fn permute(
    seed: [u8; 32],
    rows: [u32; 2],
    pairs: &[(u32, u32)],
    positions: Positions,
) -> Result<Permutations, PermutationError> {
    let stream = |number| {
        let mut rng = ChaCha20Rng::from_seed(seed);
        rng.set_stream(number);
        rng
    };
    place([0, 1, 2].map(stream), rows, pairs, positions)
}

/// Draws numbers.
trait Draw {
    /// A uniform number below `below` (> 0).
    fn below(&mut self, below: u32) -> u32;
}

/// Places all rows, by draws for the pairs and for the rest of each party.
fn place<D: Draw>(
    [mut paired, mut rest0, mut rest1]: [D; 3],
    rows: [u32; 2],
    pairs: &[(u32, u32)],
    positions: Positions,
) -> Result<Permutations, PermutationError> {
    let length = positions.length(rows);
    let mut permutation = rows.map(|rows| vec![UNPLACED; rows as usize]);
    // With more pairs than positions one of them repeats a row, which is found below.
    let positions = sample(&mut paired, length, pairs.len().min(length as usize));
    let mut mask = bitvec![u64, Lsb0; 0; length as usize];
    for (index, &(row0, row1)) in pairs.iter().enumerate() {
        for (party, row) in [row0, row1].into_iter().enumerate() {
            let rows = rows[party];
            let place = permutation[party].get_mut(row as usize).ok_or(PermutationError::NoSuchRow {
                party,
                row,
                rows,
            })?;
            if *place != UNPLACED {
                return Err(PermutationError::Twice { party, row });
            }
            if let Some(&position) = positions.get(index) {
                *place = position;
                mask.set(position as usize, true);
            }
        }
    }

    for ((places, rows), draw) in permutation.iter_mut().zip(rows).zip([&mut rest0, &mut rest1]) {
        let taken = |position: &u32| mask.get(*position as usize).is_some_and(|bit| *bit);
        let mut free: Vec<u32> = (0..rows.max(length)).filter(|position| !taken(position)).collect();
        shuffle(draw, &mut free);
        let unplaced = places.iter_mut().filter(|place| **place == UNPLACED);
        unplaced.zip(free).for_each(|(place, position)| *place = position);
    }
    Ok(Permutations { mask, permutation })
}

/// `count` different numbers below `below`, in random order: the head of a Fisher–Yates shuffle.
fn sample(draw: &mut impl Draw, below: u32, count: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..below).collect();
    for i in 0..count.min(all.len().saturating_sub(1)) {
        let j = i + draw.below((all.len() - i) as u32) as usize;
        all.swap(i, j);
    }
    all.truncate(count);
    all
}

/// Shuffles uniformly.
fn shuffle(draw: &mut impl Draw, items: &mut [u32]) {
    for i in (1..items.len()).rev() {
        items.swap(i, draw.below(i as u32 + 1) as usize);
    }
}

impl Draw for ChaCha20Rng {
    /// Lemire's multiplication method, which rejects the draws that would bias it (ACM Trans. Model. Comput. Simul. 29, 2019).
    fn below(&mut self, below: u32) -> u32 {
        let reject = below.wrapping_neg() % below;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(below);
            if product as u32 >= reject {
                return (product >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use super::Positions::{Larger, Smaller};
    use super::*;

    fn check(seed: u8, rows: [u32; 2], pairs: &[(u32, u32)], positions: Positions) {
        let result = permute([seed; 32], rows, pairs, positions).unwrap();
        let length = positions.length(rows);
        assert_eq!(result.mask.len(), length as usize);
        assert_eq!(result.mask.count_ones(), pairs.len());
        let mut owners = vec![0; rows[0].max(rows[1]) as usize];
        for (places, rows) in result.permutation.iter().zip(rows) {
            let mut sorted = places.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), rows as usize, "no position is taken twice");
            let all = rows.max(length);
            assert!(places.iter().all(|position| *position < all), "{places:?}");
            places.iter().for_each(|position| owners[*position as usize] += 1);
        }
        for &(row0, row1) in pairs {
            let position = result.permutation[0][row0 as usize];
            assert_eq!(position, result.permutation[1][row1 as usize]);
            assert!(result.mask[position as usize] && owners[position as usize] == 2);
        }
    }

    #[test]
    fn pairs_share_a_marked_position_and_no_position_is_taken_twice() {
        let pairs: Vec<(u32, u32)> = (0..40).map(|i| (i * 2, 99 - i)).collect();
        let all: Vec<(u32, u32)> = (0..5).map(|i| (i, 4 - i)).collect();
        for positions in [Smaller, Larger] {
            for (rows, pairs) in [
                ([100, 120], &pairs[..]),
                ([120, 100], &pairs),
                ([100, 100], &[]),
                ([0, 3], &[]),
                ([1, 1], &[(0, 0)]),
                ([0, 0], &[]),
                ([5, 9], &all),
            ] {
                check(7, rows, pairs, positions);
            }
        }
    }

    #[test]
    fn one_seed_gives_one_result() {
        let pairs = [(3, 1), (0, 0)];
        let draw = |seed, positions| permute([seed; 32], [50, 60], &pairs, positions).unwrap();
        for positions in [Smaller, Larger] {
            assert_eq!(draw(1, positions), draw(1, positions));
            assert_ne!(draw(1, positions), draw(2, positions));
        }
    }

    #[test]
    fn pairs_that_are_no_matching_are_refused() {
        for positions in [Smaller, Larger] {
            let refused = |pairs: &[(u32, u32)]| permute([0; 32], [2, 3], pairs, positions).unwrap_err();
            assert_eq!(refused(&[(2, 0)]), PermutationError::NoSuchRow { party: 0, row: 2, rows: 2 });
            assert_eq!(refused(&[(0, 1), (1, 1)]), PermutationError::Twice { party: 1, row: 1 });
            assert_eq!(refused(&[(0, 0), (1, 1), (0, 2)]), PermutationError::Twice { party: 0, row: 0 });
        }
    }

    #[test]
    fn positions_are_uniform() {
        // Each of 6 positions of one pair among 6 rows must come up about 1000 times in 6000 draws (sd 29).
        let mut counts = [[0u32; 6]; 2];
        for draw in 0..6000u32 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&draw.to_le_bytes());
            let result = permute(seed, [6, 8], &[(2, 5)], Smaller).unwrap();
            counts[0][result.permutation[0][2] as usize] += 1;
            if let Some(count) = counts[1].get_mut(result.permutation[1][0] as usize) {
                *count += 1;
            }
        }
        assert!(counts[0].iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        // Row 0 of party 1 has 7 places left of 8, of which the first 6 are free 5 times in 6: 6000 · 5/6 /
        // 7.
        assert!(counts[1].iter().all(|count| (600..830).contains(count)), "{counts:?}");
    }

    /// Draws that take every way once: the choices made so far, each with the number of choices that there were.
    #[derive(Default)]
    struct Ways {
        choices: Vec<(u32, u32)>,
        at: usize,
    }

    impl Draw for Rc<RefCell<Ways>> {
        fn below(&mut self, below: u32) -> u32 {
            let mut ways = self.borrow_mut();
            let at = ways.at;
            if at == ways.choices.len() {
                ways.choices.push((0, below));
            }
            ways.at += 1;
            assert_eq!(ways.choices[at].1, below);
            ways.choices[at].0
        }
    }

    /// The probability of each permutation of each party, in units of 24^-3, which all of them are multiples of.
    fn distributions(
        rows: [u32; 2],
        pairs: &[(u32, u32)],
        positions: Positions,
    ) -> [BTreeMap<Vec<u32>, u32>; 2] {
        const WHOLE: u32 = 24 * 24 * 24;
        let ways = Rc::new(RefCell::new(Ways::default()));
        let mut found = [BTreeMap::new(), BTreeMap::new()];
        loop {
            ways.borrow_mut().at = 0;
            let result = place([(); 3].map(|()| ways.clone()), rows, pairs, positions).unwrap();
            let mut ways = ways.borrow_mut();
            let share = WHOLE / ways.choices.iter().map(|(_, of)| of).product::<u32>();
            for (found, permutation) in found.iter_mut().zip(result.permutation) {
                *found.entry(permutation).or_insert(0) += share;
            }
            while ways.choices.pop_if(|(choice, of)| *choice + 1 == *of).is_some() {}
            match ways.choices.last_mut() {
                Some((choice, _)) => *choice += 1,
                None => break,
            }
        }
        assert!(found.iter().all(|found| found.values().sum::<u32>() == WHOLE));
        found
    }

    /// Every set of pairs in which no row is twice.
    fn matchings(rows: [u32; 2]) -> Vec<Vec<(u32, u32)>> {
        let mut all = vec![Vec::new()];
        for row0 in 0..rows[0] {
            let mut more = Vec::new();
            for pairs in &all {
                for row1 in (0..rows[1]).filter(|row1| pairs.iter().all(|(_, taken)| taken != row1)) {
                    more.push([pairs.as_slice(), &[(row0, row1)]].concat());
                }
            }
            all.extend(more);
        }
        all
    }

    #[test]
    fn up_to_the_larger_size_a_party_s_permutation_tells_nothing_of_the_pairs() {
        for a in 0..=4 {
            for b in 0..=4 {
                let nobody = distributions([a, b], &[], Larger);
                for pairs in matchings([a, b]) {
                    assert_eq!(distributions([a, b], &pairs, Larger), nobody, "{a} x {b}: {pairs:?}");
                }
            }
        }
    }

    #[test]
    fn up_to_the_smaller_size_the_larger_party_learns_something() {
        let nobody = distributions([2, 3], &[], Smaller);
        let found = distributions([2, 3], &[(0, 1)], Smaller);
        assert_eq!(found[0], nobody[0], "the smaller party learns nothing");
        // Row 1 matches: it is never beyond the smaller party's rows.
        assert!(found[1].keys().all(|permutation| permutation[1] < 2) && found[1] != nobody[1]);
        assert_eq!(distributions([3, 3], &[(0, 1)], Smaller), distributions([3, 3], &[], Smaller));
    }

    /// The greatest distance between two samples' distribution functions (Kolmogorov–Smirnov).
    fn distance(a: &mut [u32], b: &mut [u32]) -> f64 {
        a.sort_unstable();
        b.sort_unstable();
        let share =
            |sample: &[u32], value| sample.partition_point(|x| *x <= value) as f64 / sample.len() as f64;
        a.iter().chain(&*b).map(|value| (share(a, *value) - share(b, *value)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn matched_and_unmatched_rows_lie_alike_up_to_the_larger_size() {
        let pairs: Vec<(u32, u32)> = (0..50).map(|i| (i, 3 * i)).collect();
        let [smaller, larger] = [Smaller, Larger].map(|positions| {
            let (mut matched, mut others) = (Vec::new(), Vec::new());
            for seed in 0..40 {
                let result = permute([seed; 32], [80, 200], &pairs, positions).unwrap();
                for (row, position) in (0..).zip(&result.permutation[1]) {
                    let belongs = pairs.iter().any(|(_, row1)| *row1 == row);
                    if belongs { &mut matched } else { &mut others }.push(*position);
                }
            }
            distance(&mut matched, &mut others)
        });
        // At samples of 2000 and 6000 a distance of .05 comes once in a thousand times by chance.
        assert!(larger < 0.05 && smaller > 0.3, "{larger} {smaller}");
    }
}
