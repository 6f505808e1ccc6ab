//! From a pair's |a∧b| and |a|+|b| to the rank of its score.
//!
//! For encodings up to 1024 bits: a table with a row for each sum, from the needed |a∧b| up. Real data keep
//! to a small part of it, which stays in the caches.
//!
//! For larger ones that would be up to 130 MiB. Two fractions of denominators ≤ B differ by at least 1/B², so
//! ⌊x·2ᵏ⌋ with 2ᵏ ≥ B² tells them apart and keeps their order. One bit per such value says whether some
//! fraction lies there, and a running count beside each 64 bits makes a rank one division, one load and one
//! popcount: 5.4 MiB for 8192 bits above 0.8. The fraction at a value is the simplest one in its interval.

use super::super::threshold::NeedTable;
use super::farey::simplest_fraction;

/// Ranks by sum and |a∧b|.
#[derive(Clone, Debug)]
pub(in crate::matching) struct Direct {
    /// By sum.
    sums: Vec<SumRow>,
    ranks: Vec<u32>,
}

/// The pairs of one sum.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(in crate::matching) struct SumRow {
    /// The least |a∧b| that is in the table.
    pub need: u32,
    /// Where the sum's ranks would start if they began at |a∧b| = 0: wraps around below zero.
    pub start: u32,
}

impl Direct {
    /// An empty table for all pairs that reach what is needed.
    pub(super) fn new(need: &NeedTable) -> Self {
        let mut len = 0u32;
        let sums = (0..need.as_slice().len() as u32).map(|sum| {
            let need = need.need(sum);
            let start = len.wrapping_sub(need);
            len += (sum / 2 + 1).saturating_sub(need);
            SumRow { need, start }
        });
        let sums = sums.collect();
        // One more, for the question after a sum that no pair with it reaches.
        Self { sums, ranks: vec![0; len as usize + 1] }
    }

    /// The rows of all sums, from 0 up; never empty.
    #[cfg(target_arch = "x86_64")]
    pub(in crate::matching) fn sums(&self) -> &[SumRow] {
        &self.sums
    }

    /// The ranks, which a row's start and |a∧b| added up are a place of; never empty.
    #[cfg(target_arch = "x86_64")]
    pub(in crate::matching) fn ranks(&self) -> &[u32] {
        &self.ranks
    }

    pub(super) fn set(&mut self, and: u32, sum: u32, rank: u32) {
        let place = self.place(and, sum);
        self.ranks[place] = rank;
    }

    #[inline]
    pub(super) fn rank(&self, and: u32, sum: u32) -> u32 {
        self.ranks[self.place(and, sum)]
    }

    #[inline]
    fn place(&self, and: u32, sum: u32) -> usize {
        self.sums[sum as usize].start.wrapping_add(and) as usize
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sums.capacity() * size_of::<SumRow>() + self.ranks.capacity() * size_of::<u32>()
    }
}

/// 64 consecutive fixed-point values.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Bit i: a fraction lies at value 64·chunk + i, counted down from x = 1.
    attained: u64,
    /// Number of fractions in the chunks before.
    before: u32,
}

/// Ranks by fixed-point value.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    shift: u32,
    len: u32,
    chunks: Vec<Chunk>,
}

impl Fixed {
    /// Takes fractions of denominators ≤ `bits`, from 1/1 down.
    pub(super) fn new(bits: u32, fractions: impl Iterator<Item = (u32, u32)>) -> Self {
        let shift = 2 * (u32::BITS - (bits - 1).leading_zeros());
        let mut fixed = Self { shift, len: 0, chunks: Vec::new() };
        for (and, union) in fractions {
            let at = fixed.place(and, union);
            while fixed.chunks.len() <= at / 64 {
                fixed.chunks.push(Chunk { attained: 0, before: fixed.len });
            }
            fixed.chunks[at / 64].attained |= 1 << (at % 64);
            fixed.len += 1;
        }
        fixed.chunks.shrink_to_fit();
        fixed
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) fn rank(&self, and: u32, union: u32) -> u32 {
        let at = self.place(and, union);
        let chunk = self.chunks[at / 64];
        chunk.before + (chunk.attained & ((1 << (at % 64)) - 1)).count_ones()
    }

    /// The fraction of a rank, in lowest terms.
    pub(super) fn fraction(&self, rank: u32) -> Option<(u32, u32)> {
        if rank >= self.len {
            return None;
        }
        let chunk = self.chunks.partition_point(|chunk| chunk.before <= rank) - 1;
        let Chunk { mut attained, before } = self.chunks[chunk];
        for _ in before..rank {
            attained &= attained - 1;
        }
        let down = (chunk * 64) as u64 + u64::from(attained.trailing_zeros());
        let (and, union) = simplest_fraction((1 << self.shift) - down, self.shift);
        Some((and as u32, union as u32))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>()
    }

    /// How far ⌊x·2ᵏ⌋ lies below that of x = 1. (Above 1 only in the question after a sum that no pair
    /// reaches.)
    #[inline]
    fn place(&self, and: u32, union: u32) -> usize {
        let scaled = (u64::from(and) << self.shift) / u64::from(union);
        (1u64 << self.shift).saturating_sub(scaled) as usize
    }
}
