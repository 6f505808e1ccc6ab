//! Synthetic encodings: random Bloom filters of 1024 bits with planted matches. The same seed gives the same data.

/// Bytes of an encoding.
pub const SIZE: usize = 128;

/// SplitMix64 (Steele, Lea and Flood 2014): small, and good enough to scatter bits.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator with its seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; the tiny bias doesn't matter here.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }
}

/// An encoding with about three eighths of its bits set: two of them have a Dice coefficient of about 0.375 ± 0.03, far
/// from any threshold in use.
pub fn encoding(rng: &mut SplitMix) -> Vec<u8> {
    let word = |rng: &mut SplitMix| rng.bits() & (rng.bits() | rng.bits());
    (0..SIZE / 8).flat_map(|_| word(rng).to_le_bytes()).collect()
}

/// A copy of an encoding with `flips` bits turned over (fewer if a bit is hit twice).
pub fn noisy(rng: &mut SplitMix, encoding: &[u8], flips: usize) -> Vec<u8> {
    let mut copy = encoding.to_vec();
    for _ in 0..flips {
        let bit = rng.below(8 * copy.len());
        copy[bit / 8] ^= 1 << (bit % 8);
    }
    copy
}

/// Two parties that share records.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Encodings of both parties.
    pub parties: Vec<Vec<Vec<u8>>>,
    /// Row of the first party and row of the second for every shared record, by row of the first party.
    pub planted: Vec<(usize, usize)>,
}

/// Two parties of `rows` records each; every third record of the first has a noisy copy in the second, at a place that
/// jumps about. Its Dice coefficient is 0.93 or more.
pub fn pair(seed: u64, rows: usize) -> Pair {
    let mut rng = SplitMix::new(seed);
    let first: Vec<_> = (0..rows).map(|_| encoding(&mut rng)).collect();
    let mut second: Vec<_> = (0..rows).map(|_| encoding(&mut rng)).collect();
    let mut places: Vec<usize> = (0..rows).collect();
    for left in (1..rows).rev() {
        places.swap(left, rng.below(left + 1));
    }
    let planted: Vec<_> = (0..rows).step_by(3).zip(places).collect();
    for (from, to) in &planted {
        let flips = rng.below(50);
        second[*to] = noisy(&mut rng, &first[*from], flips);
    }
    Pair { parties: vec![first, second], planted }
}

/// Several parties with noisy copies of the same `entities`, of which each party lacks some, and has some twice.
pub fn several(seed: u64, parties: usize, entities: usize) -> Vec<Vec<Vec<u8>>> {
    let mut rng = SplitMix::new(seed);
    let originals: Vec<_> = (0..entities).map(|_| encoding(&mut rng)).collect();
    let party = |rng: &mut SplitMix| {
        let mut rows = Vec::new();
        for original in &originals {
            for _ in 0..[0, 1, 1, 1, 1, 2][rng.below(6)] {
                let flips = [20, 80, 160][rng.below(3)];
                rows.push(noisy(rng, original, flips));
            }
        }
        rows
    };
    (0..parties).map(|_| party(&mut rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reference;
    use super::*;

    #[test]
    fn planted_pairs_and_no_others_are_matches() {
        let Pair { parties, planted } = pair(1, 150);
        let found = reference::candidates(&parties, 0.7);
        assert!(reference::candidates(&parties, 0.9).len() == planted.len());
        let mut pairs: Vec<_> = found.iter().map(|c| (c.a.1, c.b.1)).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, planted);
        assert_eq!(planted.len(), 50);
    }

    #[test]
    fn several_parties_make_groups_of_many_sizes() {
        let parties = several(2, 5, 14);
        let groups = reference::groups(&reference::candidates(&parties, 0.8));
        let mut sizes: Vec<_> = groups.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        sizes.dedup();
        assert!(sizes.len() >= 3, "{sizes:?}");
    }
}
