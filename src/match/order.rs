//! The order of bits.
//!
//! However bits are numbered, |a∧b| is the same, as long as both sides number them alike. A filter that
//! counts a prefix drops most pairs the sooner, the more two unlike rows differ in it. So the bits come first
//! in which two random rows are most likely to differ: with fa and fb the shares of rows that have a bit set,
//! fa(1−fb) + fb(1−fa). On encodings of real names some bits are set in nearly every row and tell nothing; on
//! uniform bits there is nothing to gain, and the order stays as it is.

use std::sync::Arc;

use super::encoding::Encodings;

/// Rows looked at per party.
const SAMPLE: usize = 1024;
/// Reorder only when the more telling half of the bits differs at least so much more often than the average
/// bit.
const WORTH: f64 = 1.05;

/// A numbering of an encoding's bits, the same for all parties of a comparison. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitOrder(Option<Arc<[u16]>>);

impl BitOrder {
    /// The order in which the bits come.
    pub fn identity() -> Self {
        Self(None)
    }

    /// An order that suits these parties, from a sample of each one's rows; the identity where there is
    /// nothing to gain. Depends on the data alone. All must have one encoding size.
    pub fn from_samples(parties: &[&Encodings]) -> Self {
        let Some(bits) = parties.first().map(|party| party.size().bits()) else { return Self(None) };
        let shares: Vec<Vec<f64>> = parties.iter().map(|party| bit_shares(party)).collect();
        let mut differ = vec![0.0; bits];
        for (i, a) in shares.iter().enumerate() {
            for b in &shares[i + 1..] {
                for (sum, (fa, fb)) in differ.iter_mut().zip(a.iter().zip(b)) {
                    *sum += fa * (1.0 - fb) + fb * (1.0 - fa);
                }
            }
        }
        let mut order: Vec<u16> = (0..bits as u16).collect();
        order.sort_by(|&x, &y| differ[usize::from(y)].total_cmp(&differ[usize::from(x)]));
        let total: f64 = differ.iter().sum();
        let first_half: f64 = order[..bits / 2].iter().map(|&bit| differ[usize::from(bit)]).sum();
        Self((first_half > total / 2.0 * WORTH).then(|| order.into()))
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |order| size_of_val::<[u16]>(order))
    }

    /// Whether bits stay where they are.
    pub fn is_identity(&self) -> bool {
        self.0.is_none()
    }

    /// Renumbers the bits of rows of `words` words each.
    pub(crate) fn apply(&self, rows: &mut [u64], words: usize) {
        let Some(order) = &self.0 else { return };
        assert_eq!(order.len(), words * 64, "the order is for another encoding size");
        // 64 rows at a time are turned into one word per bit; then renumbering bits is moving words.
        let mut columns = vec![0u64; words * 64];
        let mut moved = vec![0u64; words * 64];
        for rows in rows.chunks_mut(words * 64) {
            for (word, block) in columns.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                block.fill(0);
                block.iter_mut().zip(rows[word..].iter().step_by(words)).for_each(|(to, from)| *to = *from);
                transpose(block);
            }
            moved.iter_mut().zip(order.iter()).for_each(|(to, &from)| *to = columns[usize::from(from)]);
            for (word, block) in moved.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                transpose(block);
                rows[word..].iter_mut().step_by(words).zip(block.iter()).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// Share of rows, of an even sample, that have each bit set.
fn bit_shares(party: &Encodings) -> Vec<f64> {
    let rows = party.len();
    let sampled = rows.min(SAMPLE);
    let mut counts = vec![0u32; party.size().bits()];
    for i in 0..sampled {
        let row = party.row((i * rows / sampled) as u32);
        for (word, counts) in row.iter().zip(counts.chunks_exact_mut(64)) {
            counts.iter_mut().enumerate().for_each(|(bit, count)| *count += (word >> bit & 1) as u32);
        }
    }
    counts.iter().map(|&count| f64::from(count) / sampled.max(1) as f64).collect()
}

/// Transposes a 64 × 64 bit matrix, bit j of word i ↔ bit i of word j (Hacker's Delight, 7-3: swap ever
/// smaller blocks).
pub(super) fn transpose(matrix: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = 0x0000_0000_FFFF_FFFFu64;
    while width > 0 {
        for block in (0..64).step_by(2 * width) {
            for i in block..block + width {
                let swapped = (matrix[i] >> width ^ matrix[i + width]) & mask;
                matrix[i + width] ^= swapped;
                matrix[i] ^= swapped << width;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::encoding::EncodingSize;

    fn bit(row: &[u64], bit: usize) -> u64 {
        row[bit / 64] >> (bit % 64) & 1
    }

    /// Bits above 64 are set in every row, others pseudo-randomly.
    fn skewed(rows: usize, salt: u64) -> Encodings {
        let bytes: Vec<u8> = (0..rows as u64)
            .flat_map(|row| [(row + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ row << 7, u64::MAX])
            .flat_map(u64::to_le_bytes)
            .collect();
        Encodings::from_bytes(EncodingSize::new(16).unwrap(), bytes).unwrap()
    }

    #[test]
    fn transposing_swaps_rows_and_columns() {
        let mut matrix: [u64; 64] =
            std::array::from_fn(|i| (i as u64 + 3).wrapping_mul(0xD134_2543_DE82_EF95));
        let before = matrix;
        transpose(&mut matrix);
        for (i, row) in matrix.iter().enumerate() {
            assert!((0..64).all(|j| row >> j & 1 == before[j] >> i & 1));
        }
    }

    #[test]
    fn telling_bits_come_first_in_every_row() {
        let (a, b) = (skewed(100, 1), skewed(77, 9));
        let order = BitOrder::from_samples(&[&a, &b]);
        let numbers = order.0.clone().expect("half of the bits tell nothing");
        assert!(numbers[..64].iter().all(|&bit| bit < 64));
        let mut words: Vec<u64> = (0..100).flat_map(|row| a.row(row).to_vec()).collect();
        order.apply(&mut words, 2);
        for (row, moved) in words.chunks_exact(2).enumerate() {
            let old = a.row(row as u32);
            assert!((0..128).all(|p| bit(moved, p) == bit(old, usize::from(numbers[p]))));
        }
    }

    #[test]
    fn uniform_bits_stay_where_they_are() {
        let size = EncodingSize::new(8).unwrap();
        let bytes: Vec<u8> =
            (0..64u32).flat_map(|bit| (1u64 << bit | 1 << ((bit + 9) % 64)).to_le_bytes()).collect();
        let even = Encodings::from_bytes(size, bytes).unwrap();
        assert!(BitOrder::from_samples(&[&even, &even]).is_identity());
        assert!(BitOrder::from_samples(&[]).is_identity());
        assert!(BitOrder::from_samples(&[&Encodings::new(size), &even]).is_identity());
    }
}
