//! Scores, and their exact ranks.
//!
//! The Sørensen–Dice score of two filters is `2·|a∧b| / (|a| + |b|)`, one double division of two exact
//! integers. With c = |a∧b| and u = |a∨b| = |a| + |b| − c it is 2x/(1+x) for the Jaccard quotient x = c/u, so
//! two pairs have the same score iff they have the same c/u. A filter of B bits has u ≤ B, so the attainable
//! scores are exactly the Farey fractions of order B: 318 064 of them for 1024 bits, 20.4 million for 8192,
//! about a third of that above 0.8. Different ones stay different as doubles, for they are further apart than
//! 2⁻²⁸.
//!
//! A candidate's key holds the *rank* of its score: its index in the descending list of attainable scores
//! that reach the floor threshold. Ranks must be found at the rate of the kernels, in little memory. Two
//! fractions of denominators ≤ B differ by at least 1/B², so ⌊x·2ᵏ⌋ with 2ᵏ ≥ B² tells them apart and keeps
//! their order; one bit per such value says whether some fraction lies there, and a running count beside each
//! 64 bits makes a rank one division, one load and one popcount. For 1024 bits above 0.8 that is 85 KiB, for
//! 8192 bits 5.4 MiB.
//!
//! The way back is a table of doubles where it is small. Elsewhere the fraction is recovered from its ⌊x·2ᵏ⌋
//! as the simplest fraction in that interval (a walk down the Stern–Brocot tree by continued fractions).

use super::encoding::EncodingSize;
use super::threshold::Threshold;

/// The score of a pair with `and` bits in common and `sum` = |a| + |b|. 0 where the sum is.
#[inline]
pub fn dice(and: u32, sum: u32) -> f64 {
    if sum == 0 { 0.0 } else { 2.0 * f64::from(and) / f64::from(sum) }
}

/// Up to so many scores are kept as a table of doubles (2.5 MiB).
const MAX_TABLE: usize = 320_000;

/// 64 consecutive fixed-point values.
#[derive(Clone, Copy, Default, Debug)]
struct Chunk {
    /// Bit i: a fraction lies at value 64·chunk + i, counted down from x = 1.
    attained: u64,
    /// Number of fractions in the chunks before.
    before: u32,
}

/// The attainable scores of one encoding size that reach a floor threshold, best first.
#[derive(Clone, Debug)]
pub struct ScoreRanks {
    shift: u32,
    bits: u32,
    chunks: Vec<Chunk>,
    len: u32,
    table: Vec<f64>,
}

impl ScoreRanks {
    /// Lists the scores. Takes about a millisecond for 1024 bits and 0.2 s for 8192: make it once per
    /// comparison.
    pub fn new(size: EncodingSize, floor: Threshold) -> Self {
        let bits = size.bits() as u32;
        let shift = 2 * (u32::BITS - (bits - 1).leading_zeros());
        let mut ranks = Self { shift, bits, chunks: Vec::new(), len: 0, table: Vec::new() };
        for (and, union) in descending_fractions(bits) {
            let score = dice(and, and + union);
            if score < floor.get() {
                break;
            }
            let at = ranks.place(and, union);
            while ranks.chunks.len() <= at / 64 {
                ranks.chunks.push(Chunk { attained: 0, before: ranks.len });
            }
            ranks.chunks[at / 64].attained |= 1 << (at % 64);
            ranks.len += 1;
            if ranks.table.len() < MAX_TABLE {
                ranks.table.push(score);
            }
        }
        if ranks.table.len() < ranks.len as usize {
            ranks.table = Vec::new();
        }
        ranks.chunks.shrink_to_fit();
        ranks.table.shrink_to_fit();
        ranks
    }

    /// Number of attainable scores: ranks run from 0 to one less.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no score reaches the floor. Never so: 1 always does.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rank of the score of a pair. The pair must be attainable (`1 ≤ and ≤ sum/2`, its union within the
    /// encoding's bits) and reach the floor; otherwise the answer means nothing, or it panics.
    #[inline]
    pub fn rank(&self, and: u32, sum: u32) -> u32 {
        let at = self.place(and, sum - and);
        let chunk = self.chunks[at / 64];
        chunk.before + (chunk.attained & ((1 << (at % 64)) - 1)).count_ones()
    }

    /// The score of a rank, as the exact double that [`dice`] gives. `None` when there is no such rank.
    pub fn score(&self, rank: u32) -> Option<f64> {
        if rank >= self.len {
            return None;
        }
        if let Some(&score) = self.table.get(rank as usize) {
            return Some(score);
        }
        let chunk = self.chunks.partition_point(|chunk| chunk.before <= rank) - 1;
        let Chunk { mut attained, before } = self.chunks[chunk];
        for _ in before..rank {
            attained &= attained - 1;
        }
        let down = (chunk * 64) as u64 + u64::from(attained.trailing_zeros());
        let (and, union) = simplest_fraction((1 << self.shift) - down, self.shift);
        Some(dice(and as u32, (and + union) as u32))
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>() + self.table.capacity() * size_of::<f64>()
    }

    /// How far ⌊x·2ᵏ⌋ lies below that of x = 1.
    #[inline]
    fn place(&self, and: u32, union: u32) -> usize {
        debug_assert!(and <= union && union <= self.bits);
        let scaled = (u64::from(and) << self.shift) / u64::from(union);
        ((1u64 << self.shift) - scaled) as usize
    }
}

/// The fractions p/q in lowest terms with 1 ≤ p ≤ q ≤ `order`, from 1/1 down: the Farey sequence by its
/// next-term rule.
fn descending_fractions(order: u32) -> impl Iterator<Item = (u32, u32)> {
    let first = (1, 1);
    let second = (order - 1, order);
    std::iter::successors(Some((first, second)), move |&((p0, q0), (p1, q1))| {
        let k = (order + q0) / q1;
        (p1 > 0).then(|| ((p1, q1), ((k * p1).saturating_sub(p0), k * q1 - q0)))
    })
    .map(|(current, _)| current)
    .take_while(|&(p, _)| p > 0)
}

/// The fraction of least denominator in [value/2^shift, (value+1)/2^shift).
fn simplest_fraction(value: u64, shift: u32) -> (u64, u64) {
    let (mut low, mut high) = ((value, 1u64 << shift), (value + 1, 1u64 << shift));
    // Convergents: the fraction so far is a Möbius map (p·x + p0)/(q·x + q0) of what is left of the interval.
    let ((mut p, mut q), (mut p0, mut q0)) = ((1, 0), (0, 1));
    let mut low_closed = true;
    loop {
        let whole = low.0 / low.1;
        let rest = low.0 % low.1;
        // An integer inside ends the walk: `whole` itself if it is the closed lower end, else the next one.
        let integer = if rest == 0 && low_closed { whole } else { whole + 1 };
        let below_high = integer * high.1 < high.0 || (integer * high.1 == high.0 && !low_closed);
        if below_high {
            return (p * integer + p0, q * integer + q0);
        }
        (p, p0) = (p * whole + p0, p);
        (q, q0) = (q * whole + q0, q);
        (low, high) = ((high.1, high.0 - whole * high.1), (low.1, rest));
        low_closed = !low_closed;
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
        for (bytes, floor) in [(8, 1e-9), (8, 0.8), (16, 0.5), (24, 0.66), (128, 0.8), (128, 1.0)] {
            let ranks = ranks(bytes, floor);
            let expected = attainable(bytes as u32 * 8, floor);
            let listed: Vec<f64> = (0..ranks.len()).map(|rank| ranks.score(rank).unwrap()).collect();
            assert_eq!(listed, expected, "{bytes} {floor}");
            assert_eq!(ranks.score(ranks.len()), None);
        }
    }

    #[test]
    fn every_pair_finds_its_score_again() {
        let ranks = ranks(128, 0.79);
        for union in 1..=1024u32 {
            for and in (1..=union).filter(|&and| dice(and, and + union) >= 0.79) {
                let score = ranks.score(ranks.rank(and, and + union)).unwrap();
                assert_eq!(score, dice(and, and + union));
            }
        }
    }

    #[test]
    fn large_encodings_recover_scores_without_a_table() {
        let ranks = ranks(1024, 0.6);
        assert!(ranks.table.is_empty() && ranks.memory_bytes() < 12 << 20);
        for union in (1..=8192u32).rev().step_by(13).chain(1..50) {
            for and in (1..=union).rev().step_by(7).filter(|&and| dice(and, and + union) >= 0.6) {
                let rank = ranks.rank(and, and + union);
                assert_eq!(ranks.score(rank), Some(dice(and, and + union)), "{and}/{union}");
            }
        }
    }

    #[test]
    fn the_number_of_scores_is_that_of_the_farey_sequence() {
        // Fractions p/q in lowest terms with p ≤ q: the sum of Euler's totient.
        let gcd = |mut a: u32, mut b: u32| {
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        };
        let totients: usize = (1..=192).map(|q| (1..=q).filter(|&p| gcd(p, q) == 1).count()).sum();
        assert_eq!(ranks(24, f64::MIN_POSITIVE).len() as usize, totients);
    }
}
