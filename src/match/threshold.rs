//! From a threshold on a double to a comparison of integers.
//!
//! A pair is a candidate iff its Dice score, as a double, reaches the threshold. For a given sum |a|+|b| the
//! score grows with |a∧b|, and rounding a quotient to a double keeps order, so there is a smallest |a∧b| that
//! passes. That table is exact: a kernel that compares integers against it decides as the double comparison
//! would.
//!
//! Since |a∧b| ≤ min(|a|, |b|), two popcounts that lie too far apart cannot reach the threshold whatever the
//! bits are. The windows of popcounts that can are tabulated too.

use thiserror::Error;

use super::encoding::EncodingSize;
use super::score::dice;

/// A similarity threshold `t`, 0 < t ≤ 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Threshold(f64);

/// A number that cannot be a threshold.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("a threshold of {0} is out of range: it must be greater than 0 and at most 1")]
pub struct ThresholdError(pub f64);

impl Threshold {
    /// Takes any double in (0, 1].
    pub fn new(threshold: f64) -> Result<Self, ThresholdError> {
        if threshold > 0.0 && threshold <= 1.0 { Ok(Self(threshold)) } else { Err(ThresholdError(threshold)) }
    }

    /// The threshold as a double.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// For each sum of popcounts the smallest |a∧b| that makes a candidate, and the popcount windows.
#[derive(Clone, Debug)]
pub struct NeedTable {
    need: Vec<u16>,
    windows: Vec<(u16, u16)>,
}

/// The window of a popcount that has no partner: empty.
const NO_PARTNER: (u16, u16) = (u16::MAX, 0);

impl NeedTable {
    /// Works the tables out for one encoding size. Takes microseconds.
    pub fn new(size: EncodingSize, threshold: Threshold) -> Self {
        let bits = size.bits() as u32;
        let need: Vec<u16> = (0..=2 * bits).map(|sum| smallest_and(sum, threshold) as u16).collect();
        let reaches = |low: u32, high: u32| low >= u32::from(need[(low + high) as usize]);
        // Both ends move up with the popcount, so that one sweep finds them all.
        let (mut low, mut high) = (1, 1);
        let partners = (1..=bits).map(|popcount| {
            while !reaches(low, popcount) {
                low += 1;
            }
            high = high.max(popcount);
            while high < bits && reaches(popcount, high + 1) {
                high += 1;
            }
            (low as u16, high as u16)
        });
        let windows = std::iter::once(NO_PARTNER).chain(partners).collect();
        Self { need, windows }
    }

    /// Smallest |a∧b| whose double score passes, given |a|+|b|. It never falls as the sum grows and is at
    /// least 1. It may be one more than |a∧b| can be (half the sum): then no pair with this sum is a
    /// candidate.
    #[inline]
    pub fn need(&self, sum: u32) -> u32 {
        u32::from(self.need[sum as usize])
    }

    /// The whole table, indexed by |a|+|b|, up to twice the number of bits.
    pub fn as_slice(&self) -> &[u16] {
        &self.need
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.need.capacity() * size_of::<u16>() + self.windows.capacity() * size_of::<(u16, u16)>()
    }

    /// Smallest and largest popcount that a partner of a row with this popcount may have, both inclusive. For
    /// an empty filter the window is empty: its lower end is above its upper end.
    #[inline]
    pub fn window(&self, popcount: u32) -> (u32, u32) {
        let (low, high) = self.windows[popcount as usize];
        (u32::from(low), u32::from(high))
    }
}

/// Smallest `and` with `dice(and, sum) >= threshold`; 1 for an empty sum, which no pair reaches.
fn smallest_and(sum: u32, threshold: Threshold) -> u32 {
    // The quotient t·s/2 in doubles is off by at most one from the exact answer; the two loops settle that.
    let mut and = ((threshold.get() * f64::from(sum) / 2.0) as u32).max(1);
    while and > 1 && dice(and - 1, sum) >= threshold.get() {
        and -= 1;
    }
    while sum > 0 && dice(and, sum) < threshold.get() {
        and += 1;
    }
    and
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: usize, threshold: f64) -> NeedTable {
        NeedTable::new(EncodingSize::new(bytes).unwrap(), Threshold::new(threshold).unwrap())
    }

    #[test]
    fn thresholds_lie_in_the_half_open_unit_interval() {
        for good in [f64::MIN_POSITIVE, 0.5, 1.0] {
            assert_eq!(Threshold::new(good).unwrap().get(), good);
        }
        for bad in [0.0, -0.0, -0.5, 1.0 + f64::EPSILON, f64::INFINITY, f64::NAN] {
            assert!(Threshold::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn need_agrees_with_the_double_comparison_everywhere() {
        let on_the_boundary = (1..=16).map(|and| dice(and, 33)).chain((1..20).map(|and| dice(and, 41)));
        let others = [f64::MIN_POSITIVE, 1e-9, 0.1, 0.5, 0.7, 0.8, 0.9, 1.0 - f64::EPSILON, 1.0];
        for threshold in on_the_boundary.chain(others) {
            let needs = table(16, threshold);
            for sum in 0..=256 {
                for and in 0..=sum / 2 {
                    assert_eq!(
                        and >= needs.need(sum),
                        dice(and, sum) >= threshold,
                        "{and}/{sum} {threshold}"
                    );
                }
            }
        }
    }

    #[test]
    fn windows_hold_exactly_the_popcounts_that_can_reach_the_threshold() {
        for threshold in [f64::MIN_POSITIVE, 0.3, 2.0 / 3.0, 0.8, 0.97, 1.0] {
            let needs = table(16, threshold);
            for a in 0..=128u32 {
                let (low, high) = needs.window(a);
                for b in 0..=128u32 {
                    let possible = dice(a.min(b), a + b) >= threshold;
                    assert_eq!((low..=high).contains(&b), possible, "{a} {b} {threshold}");
                }
            }
        }
    }
}
