//! A Bloom filter: whether a number is surely not in a set, by one look into memory.
//!
//! A number's bits lie in one cache line, and the lines follow the order of the numbers, so that a filter of a sorted run is made
//! from front to back. 12 bits a number; it is wrong about one number in two hundred.

use super::table::share;

const BITS_PER_NUMBER: usize = 12;
/// Bits that each number sets, and the bits of their places in a line.
const PROBES: u32 = 6;
const PLACE_BITS: u32 = 9;

#[derive(Clone, Default)]
#[repr(align(64))]
struct Line([u64; 8]);

/// For evenly spread numbers.
pub(super) struct Filter {
    lines: Vec<Line>,
}

impl Filter {
    /// An empty filter with room for so many numbers.
    pub(super) fn new(numbers: usize) -> Self {
        Self { lines: vec![Line::default(); (numbers * BITS_PER_NUMBER).div_ceil(1 << PLACE_BITS).max(1)] }
    }

    pub(super) fn insert(&mut self, number: u64) {
        let line = share(number, self.lines.len());
        places(number).for_each(|(word, bit)| self.lines[line].0[word] |= bit);
    }

    /// `false` only if the number was not put in.
    #[inline]
    pub(super) fn may_hold(&self, number: u64) -> bool {
        let line = &self.lines[share(number, self.lines.len())];
        places(number).all(|(word, bit)| line.0[word] & bit != 0)
    }

    /// Loads what a look at a number would, to have it near.
    #[inline]
    pub(super) fn touch(&self, number: u64) -> u64 {
        self.lines[share(number, self.lines.len())].0[0]
    }
}

/// A number's bits within its line. The line follows from the high bits; these are mixed from all.
#[inline]
fn places(number: u64) -> impl Iterator<Item = (usize, u64)> {
    let mixed = (number ^ number >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (1..=PROBES).map(move |probe| {
        let place = mixed >> (u64::BITS - probe * PLACE_BITS);
        ((place >> 6 & 7) as usize, 1 << (place & 63))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_what_is_in_and_seldom_errs_about_the_rest() {
        let numbers = |from: u64| (from..from + 20_000).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut filter = Filter::new(20_000);
        assert!(!numbers(0).any(|number| filter.may_hold(number)));
        numbers(0).for_each(|number| filter.insert(number));
        assert!(numbers(0).all(|number| filter.may_hold(number)));
        let wrong = numbers(1 << 40).filter(|&number| filter.may_hold(number)).count();
        assert!(wrong < 200, "{wrong} of 20 000");
    }
}
