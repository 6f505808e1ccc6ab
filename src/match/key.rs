//! Candidates as integers.
//!
//! A candidate's key packs, from the top: the rank of its score (0 is best), the index of its pair of
//! parties, the row in the first party, the row in the second. Ascending integers are then the total order of
//! candidates (score descending, then party 0, party 1, row 0, row 1), so that sorting, merging and dropping
//! duplicates work on plain integers.
//!
//! How many bits each field gets follows from the project: the number of attainable scores above the floor,
//! of parties, and of rows. When they add up to at most 64 a key is a `u64`, else a `u128`. A [`KeyLayout`]
//! is a handful of small integers, fit for a file header.

use std::fmt::Debug;
use std::hash::Hash;

use thiserror::Error;

use super::score::ScoreRanks;

/// Most parties that one project may have: sets of parties are then one word.
pub const MAX_PARTIES: usize = 64;

/// Two different parties, the lower index first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartyPair {
    /// The party with the lower index.
    pub party0: u16,
    /// The party with the higher index.
    pub party1: u16,
}

impl PartyPair {
    /// Takes two party indexes. Panics unless `party0 < party1`.
    pub fn new(party0: u16, party1: u16) -> Self {
        assert!(party0 < party1, "a pair of parties has the lower index first: {party0}, {party1}");
        Self { party0, party1 }
    }

    /// All pairs of `parties` parties, ascending.
    pub fn all(parties: usize) -> impl Iterator<Item = Self> {
        let parties = parties as u16;
        (0..parties).flat_map(move |p| (p + 1..parties).map(move |q| Self { party0: p, party1: q }))
    }
}

/// One pair of records whose score reaches the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The Dice score.
    pub score: f64,
    /// Party of the first record; lower than `party1`.
    pub party0: u16,
    /// Party of the second record.
    pub party1: u16,
    /// Row of the first record in its party.
    pub row0: u32,
    /// Row of the second record in its party.
    pub row1: u32,
}

/// An unsigned integer that holds a key. Implemented for `u64` and `u128`.
pub trait Key: Copy + Ord + Debug + Hash + Default + Send + Sync + 'static {
    /// Width in bits.
    const BITS: u32;
    /// Packs the fields.
    fn pack(layout: &KeyLayout, rank: u32, pair: u32, row0: u32, row1: u32) -> Self;
    /// Unpacks (rank, pair, row0, row1).
    fn unpack(self, layout: &KeyLayout) -> (u32, u32, u32, u32);
    /// Number of bits up to the highest one that is set.
    fn bit_len(self) -> u32;
    /// The bits from `shift` (less than the width) upwards, as many as fit.
    fn digit(self, shift: u32) -> usize;
}

macro_rules! key {
    ($int:ty) => {
        impl Key for $int {
            const BITS: u32 = <$int>::BITS;

            #[inline]
            fn pack(layout: &KeyLayout, rank: u32, pair: u32, row0: u32, row1: u32) -> Self {
                let high = (Self::from(rank) << layout.pair_bits | Self::from(pair)) << layout.row0_bits;
                (high | Self::from(row0)) << layout.row1_bits | Self::from(row1)
            }

            #[inline]
            fn unpack(self, layout: &KeyLayout) -> (u32, u32, u32, u32) {
                let mut rest = self;
                let mut take = |bits: u8| {
                    let field = (rest & ((1 << bits) - 1)) as u32;
                    rest >>= bits;
                    field
                };
                let row1 = take(layout.row1_bits);
                let row0 = take(layout.row0_bits);
                let pair = take(layout.pair_bits);
                (take(layout.rank_bits), pair, row0, row1)
            }

            #[inline]
            fn bit_len(self) -> u32 {
                Self::BITS - self.leading_zeros()
            }

            #[inline]
            fn digit(self, shift: u32) -> usize {
                (self >> shift) as usize
            }
        }
    };
}
key!(u64);
key!(u128);

/// Where each field lies in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyLayout {
    /// Number of parties: 2 to [`MAX_PARTIES`].
    pub parties: u16,
    /// Bits of the score's rank: at most 25.
    pub rank_bits: u8,
    /// Bits of the index of the pair of parties: at most 11.
    pub pair_bits: u8,
    /// Bits of the row in the first party: at most 32.
    pub row0_bits: u8,
    /// Bits of the row in the second party: at most 32.
    pub row1_bits: u8,
}

/// A project, or a description in a file, that no key layout fits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyLayoutError {
    /// Too few or too many parties.
    #[error("{0} parties cannot be linked: there must be 2 to {MAX_PARTIES}")]
    Parties(usize),
    /// A field's width is out of range.
    #[error("the key field {field} cannot be {bits} bits wide: at most {most} are allowed")]
    Field { field: &'static str, bits: u8, most: u8 },
}

impl KeyLayout {
    /// The narrowest layout for these scores and these numbers of rows, one per party.
    pub fn new(ranks: &ScoreRanks, rows_per_party: &[u32]) -> Result<Self, KeyLayoutError> {
        let parties = rows_per_party.len();
        if !(2..=MAX_PARTIES).contains(&parties) {
            return Err(KeyLayoutError::Parties(parties));
        }
        let most = |rows: &[u32]| rows.iter().copied().max().unwrap_or(0);
        Ok(Self {
            parties: parties as u16,
            rank_bits: width(ranks.len()),
            pair_bits: width((parties * (parties - 1) / 2) as u32),
            row0_bits: width(most(&rows_per_party[..parties - 1])),
            row1_bits: width(most(&rows_per_party[1..])),
        })
    }

    /// Checks a layout that was read from a file: every field in range, and pairs of parties that fit theirs.
    pub fn check(self) -> Result<Self, KeyLayoutError> {
        let parties = usize::from(self.parties);
        if !(2..=MAX_PARTIES).contains(&parties) {
            return Err(KeyLayoutError::Parties(parties));
        }
        let fields = [
            ("rank", self.rank_bits, 25),
            ("pair", self.pair_bits, 11),
            ("row0", self.row0_bits, 32),
            ("row1", self.row1_bits, 32),
        ];
        match fields.into_iter().find(|&(_, bits, most)| bits > most) {
            Some((field, bits, most)) => Err(KeyLayoutError::Field { field, bits, most }),
            None => Ok(self),
        }
    }

    /// Bits in use.
    pub fn bits(&self) -> u32 {
        [self.rank_bits, self.pair_bits, self.row0_bits, self.row1_bits].into_iter().map(u32::from).sum()
    }

    /// Whether a key fits a `u64`.
    pub fn fits_u64(&self) -> bool {
        self.bits() <= u64::BITS
    }

    /// Index of a pair of parties in the ascending list of all of them.
    pub fn pair_index(&self, pair: PartyPair) -> u32 {
        let (parties, p, q) = (u32::from(self.parties), u32::from(pair.party0), u32::from(pair.party1));
        p * (2 * parties - p - 1) / 2 + (q - p - 1)
    }

    /// The pair of parties with this index. `None` when there is none.
    pub fn pair(&self, index: u32) -> Option<PartyPair> {
        let mut first = 0;
        for party0 in 0..self.parties {
            let partners = u32::from(self.parties - party0 - 1);
            if index < first + partners {
                return Some(PartyPair { party0, party1: party0 + 1 + (index - first) as u16 });
            }
            first += partners;
        }
        None
    }

    /// The key of a candidate given the rank of its score.
    #[inline]
    pub fn encode<K: Key>(&self, rank: u32, pair_index: u32, row0: u32, row1: u32) -> K {
        debug_assert!(self.bits() <= K::BITS);
        K::pack(self, rank, pair_index, row0, row1)
    }

    /// The records of a key: the index of its pair of parties, the row in the first, the row in the second.
    /// What the solver needs, without looking the score up.
    #[inline]
    pub fn records<K: Key>(&self, key: K) -> (u32, u32, u32) {
        let (_, pair, row0, row1) = key.unpack(self);
        (pair, row0, row1)
    }

    /// The candidate of a key. `None` for an integer that is no key of this layout and these scores.
    pub fn decode<K: Key>(&self, ranks: &ScoreRanks, key: K) -> Option<Candidate> {
        let (rank, pair, row0, row1) = key.unpack(self);
        let PartyPair { party0, party1 } = self.pair(pair)?;
        Some(Candidate { score: ranks.score(rank)?, party0, party1, row0, row1 })
    }
}

/// Bits that hold 0…count−1.
fn width(count: u32) -> u8 {
    (u32::BITS - count.saturating_sub(1).leading_zeros()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::encoding::EncodingSize;
    use crate::matching::threshold::Threshold;

    fn ranks(bytes: usize, floor: f64) -> ScoreRanks {
        ScoreRanks::new(EncodingSize::new(bytes).unwrap(), Threshold::new(floor).unwrap())
    }

    #[test]
    fn pairs_of_parties_are_numbered_in_order() {
        for parties in [2usize, 3, 5, 64] {
            let layout = KeyLayout::new(&ranks(8, 1.0), &vec![1; parties]).unwrap();
            for (index, pair) in PartyPair::all(parties).enumerate() {
                assert_eq!(layout.pair_index(pair), index as u32);
                assert_eq!(layout.pair(index as u32), Some(pair));
            }
            assert_eq!(layout.pair((parties * (parties - 1) / 2) as u32), None);
        }
    }

    #[test]
    fn a_key_is_64_bits_wide_only_when_that_is_enough() {
        let narrow = ranks(128, 0.8);
        let fits = |rows: &[u32]| KeyLayout::new(&narrow, rows).unwrap().fits_u64();
        assert!(fits(&[1 << 20, 1 << 20]) && fits(&[(1 << 20) + 1, (1 << 20) + 1]));
        assert!(fits(&[1 << 23, 1 << 23]) && !fits(&[1 << 24, 1 << 24]) && !fits(&[u32::MAX; 5]));
        let wide = KeyLayout::new(&ranks(1024, 0.9), &[1 << 20; 2]).unwrap();
        assert_eq!((wide.rank_bits, wide.bits()), (22, 62));
    }

    #[test]
    fn numbers_of_parties_and_read_layouts_are_checked() {
        assert_eq!(KeyLayout::new(&ranks(8, 0.5), &[5]), Err(KeyLayoutError::Parties(1)));
        assert_eq!(KeyLayout::new(&ranks(8, 0.5), &[5; 65]), Err(KeyLayoutError::Parties(65)));
        let layout = KeyLayout::new(&ranks(8, 0.5), &[5; 3]).unwrap();
        assert_eq!(layout.check(), Ok(layout));
        let bad = KeyLayout { row1_bits: 33, ..layout };
        assert_eq!(bad.check(), Err(KeyLayoutError::Field { field: "row1", bits: 33, most: 32 }));
    }
}
