//! Counts how many hashes come again, in bounded memory.
//!
//! Hashes gather in a buffer. A full one is sorted, and what comes twice is counted and dropped. If it is still more than half full then
//! from now on only every second hash counts, by a bit of the hash itself, so that all occurrences of one stay together (adaptive
//! sampling, after Wegman). A repetition that is found at level *n* stands for 2ⁿ, which makes the sum an unbiased estimate.

/// The counter.
pub(super) struct Duplicates {
    hashes: Vec<u64>,
    capacity: usize,
    /// Hashes count that have so many zero bits at their end.
    level: u32,
    found: u64,
}

impl Duplicates {
    /// A counter that keeps so many hashes, at least two.
    pub(super) fn new(capacity: usize) -> Self {
        Self { hashes: Vec::new(), capacity: capacity.max(2), level: 0, found: 0 }
    }

    fn counts(&self, hash: u64) -> bool {
        hash & ((1 << self.level) - 1) == 0
    }

    pub(super) fn push(&mut self, hash: u64) {
        if !self.counts(hash) {
            return;
        }
        if self.hashes.len() == self.capacity {
            self.make_room();
            if !self.counts(hash) {
                return;
            }
        }
        self.hashes.push(hash);
    }

    /// Counts and drops repetitions.
    fn deduplicate(&mut self) {
        let before = self.hashes.len();
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let repeated = (before - self.hashes.len()) as u64;
        self.found = self.found.saturating_add(repeated << self.level);
    }

    fn make_room(&mut self) {
        self.deduplicate();
        while self.hashes.len() > self.capacity / 2 && self.level < 63 {
            self.level += 1;
            let mask = (1_u64 << self.level) - 1;
            self.hashes.retain(|hash| hash & mask == 0);
        }
    }

    /// How many came again, and whether that is exact.
    pub(super) fn finish(mut self) -> (u64, bool) {
        self.deduplicate();
        (self.found, self.level == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Well mixed numbers (SplitMix64), by position.
    fn hash(number: u64) -> u64 {
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn count(capacity: usize, numbers: impl Iterator<Item = u64>) -> (u64, bool) {
        let mut duplicates = Duplicates::new(capacity);
        numbers.for_each(|number| duplicates.push(hash(number)));
        duplicates.finish()
    }

    #[test]
    fn what_fits_is_exact() {
        assert_eq!(count(8, std::iter::empty()), (0, true));
        assert_eq!(count(1000, (0..1000).chain(0..0)), (0, true), "just full");
        assert_eq!(count(1000, (0..500).chain(250..750)), (250, true));
        // Repetitions make room: few different hashes are exact, however many come.
        assert_eq!(count(1000, (0..100_000).map(|n| n % 400)), (99_600, true));
    }

    #[test]
    fn what_does_not_fit_is_near() {
        for (records, repeated) in [(50_000, 10_000), (50_000, 50_000), (300_000, 3_000)] {
            let (found, exact) = count(1 << 13, (0..records).chain(0..repeated));
            assert!(!exact);
            let error = found.abs_diff(repeated) as f64;
            assert!(error < 5.0 * (repeated as f64 * 128.0).sqrt(), "{found} instead of {repeated}");
        }
        let (found, exact) = count(64, (0..10_000).map(|n| n + 1));
        assert_eq!((found, exact), (0, false), "nothing comes twice");
    }
}
