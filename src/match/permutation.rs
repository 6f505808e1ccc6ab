//! Permutations and mask of a two-party linkage.
//!
//! Each matched pair gets one new position, the same in both permutations, drawn at random from 0…m−1 where m
//! is the smaller dataset's size; the mask marks these positions. All other rows of a party fill its
//! remaining positions in random order. A party that sees its permutation alone learns nothing about which of
//! its rows matched.
//!
//! Randomness is ChaCha20 keyed by one seed per run: three streams (positions of pairs, fill of each party),
//! so the same seed gives the same result in any process that does the task again. Bounded draws reject, so
//! there is no modulo bias.

use bitvec::prelude::{BitVec, Lsb0, bitvec};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;

/// The new order of two parties' rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permutations {
    /// As long as the smaller dataset: set at the positions where both parties hold the same entity.
    pub mask: BitVec<u64, Lsb0>,
    /// For each party: `permutation[row]` = new position of the row.
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
pub fn permute(
    seed: [u8; 32],
    rows0: u32,
    rows1: u32,
    pairs: &[(u32, u32)],
) -> Result<Permutations, PermutationError> {
    let rows = [rows0, rows1];
    let smaller = rows0.min(rows1);
    let stream = |number| {
        let mut rng = ChaCha20Rng::from_seed(seed);
        rng.set_stream(number);
        rng
    };

    let mut permutation = rows.map(|rows| vec![UNPLACED; rows as usize]);
    // With more pairs than rows in the smaller dataset one of them repeats a row there, which is found below.
    let positions = sample(&mut stream(0), smaller, pairs.len().min(smaller as usize));
    let mut mask = bitvec![u64, Lsb0; 0; smaller as usize];
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

    for (party, places) in permutation.iter_mut().enumerate() {
        let taken = |position: &u32| mask.get(*position as usize).is_some_and(|bit| *bit);
        let mut free: Vec<u32> = (0..rows[party]).filter(|position| !taken(position)).collect();
        shuffle(&mut stream(party as u64 + 1), &mut free);
        let unplaced = places.iter_mut().filter(|place| **place == UNPLACED);
        unplaced.zip(free).for_each(|(place, position)| *place = position);
    }
    Ok(Permutations { mask, permutation })
}

/// `count` different numbers below `below`, in random order: the head of a Fisher–Yates shuffle.
fn sample(rng: &mut impl Rng, below: u32, count: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..below).collect();
    for i in 0..count.min(all.len().saturating_sub(1)) {
        let j = i + uniform(rng, (all.len() - i) as u32) as usize;
        all.swap(i, j);
    }
    all.truncate(count);
    all
}

/// Shuffles uniformly.
fn shuffle(rng: &mut impl Rng, items: &mut [u32]) {
    for i in (1..items.len()).rev() {
        items.swap(i, uniform(rng, i as u32 + 1) as usize);
    }
}

/// A uniform number below `below` (> 0): Lemire's multiplication method, which rejects the draws that would
/// bias it (ACM Trans. Model. Comput. Simul. 29, 2019).
fn uniform(rng: &mut impl Rng, below: u32) -> u32 {
    let reject = below.wrapping_neg() % below;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(below);
        if product as u32 >= reject {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: &Permutations, rows: [u32; 2], pairs: &[(u32, u32)]) {
        let smaller = rows[0].min(rows[1]) as usize;
        assert_eq!(result.mask.len(), smaller);
        assert_eq!(result.mask.count_ones(), pairs.len());
        for (places, rows) in result.permutation.iter().zip(rows) {
            let mut sorted = places.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..rows).collect::<Vec<_>>());
        }
        for &(row0, row1) in pairs {
            let position = result.permutation[0][row0 as usize];
            assert_eq!(position, result.permutation[1][row1 as usize]);
            assert!(result.mask[position as usize]);
        }
    }

    #[test]
    fn pairs_share_a_marked_position_and_every_position_is_taken_once() {
        let pairs: Vec<(u32, u32)> = (0..40).map(|i| (i * 2, 99 - i)).collect();
        for (rows, pairs) in
            [([100, 120], &pairs[..]), ([100, 100], &[]), ([0, 3], &[]), ([1, 1], &[(0, 0)]), ([0, 0], &[])]
        {
            check(&permute([7; 32], rows[0], rows[1], pairs).unwrap(), rows, pairs);
        }
        let all: Vec<(u32, u32)> = (0..5).map(|i| (i, 4 - i)).collect();
        check(&permute([7; 32], 5, 9, &all).unwrap(), [5, 9], &all);
    }

    #[test]
    fn one_seed_gives_one_result() {
        let pairs = [(3, 1), (0, 0)];
        let first = permute([1; 32], 50, 60, &pairs).unwrap();
        assert_eq!(first, permute([1; 32], 50, 60, &pairs).unwrap());
        assert_ne!(first, permute([2; 32], 50, 60, &pairs).unwrap());
    }

    #[test]
    fn pairs_that_are_no_matching_are_refused() {
        let refused = |pairs: &[(u32, u32)]| permute([0; 32], 2, 3, pairs).unwrap_err();
        assert_eq!(refused(&[(2, 0)]), PermutationError::NoSuchRow { party: 0, row: 2, rows: 2 });
        assert_eq!(refused(&[(0, 1), (1, 1)]), PermutationError::Twice { party: 1, row: 1 });
        assert_eq!(refused(&[(0, 0), (1, 1), (0, 2)]), PermutationError::Twice { party: 0, row: 0 });
    }

    #[test]
    fn positions_are_uniform() {
        // Each of 6 positions of one pair among 6 rows must come up about 1000 times in 6000 draws (sd 29).
        let mut counts = [[0u32; 6]; 2];
        for draw in 0..6000u32 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&draw.to_le_bytes());
            let result = permute(seed, 6, 8, &[(2, 5)]).unwrap();
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
}
