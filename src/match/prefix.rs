//! How many bits should the filter count?
//!
//! The bound of a pair, count so far + the smaller remaining popcount, only falls as the prefix grows, so
//! each pair has one length from which on it is dropped. A sample of pairs gives the distribution of these
//! lengths, and with it the expected cost of each: bits counted for every pair, and a full count for each
//! that survives. The length changes the speed, never the result.

use super::kernel::PREFIX_STEP;
use super::threshold::NeedTable;
use super::tile::Tile;

/// Rows sampled per side.
const SAMPLE: usize = 64;
/// The filter's work per pair that does not depend on the prefix.
const FIXED_BITS: f64 = 30.0;

/// The best length in bits: a multiple of the kernel's step up to the encoding's bits.
pub(super) fn choose_prefix(a: &Tile, b: &Tile, need: &NeedTable) -> usize {
    let steps = a.size().bits() / PREFIX_STEP;
    // dropped[k]: pairs that a prefix of k steps drops and one of k-1 does not; the last counts those that
    // none drops.
    let mut dropped = vec![0u32; steps + 2];
    let mut pairs = 0u32;
    // Small tiles: don't spend more on the sample than a fraction of the work.
    let sampled_a = SAMPLE.min(a.len() / 4 + 1);
    let sampled_b = SAMPLE.min(b.len() / 4 + 1);
    for i in 0..sampled_a.min(a.len()) {
        let place_a = (2 * i + 1) * a.len() / (2 * sampled_a);
        let popcount = u32::from(a.popcounts()[place_a]);
        let (low, high) = need.window(popcount);
        let first = b.popcounts().partition_point(|&popcount| u32::from(popcount) < low);
        let last = b.popcounts().partition_point(|&popcount| u32::from(popcount) <= high);
        if first >= last {
            continue;
        }
        // As many partners as the window's share of all, so that the sample is one of the pairs that the
        // filter sees.
        let wanted = ((last - first) * sampled_b).div_ceil(b.len());
        for j in 0..wanted {
            let place_b = first + (2 * j + 1) * (last - first) / (2 * wanted);
            let sum = popcount + u32::from(b.popcounts()[place_b]);
            dropped[steps_until_dropped(a.row(place_a), b.row(place_b), need.need(sum))] += 1;
            pairs += 1;
        }
    }
    if pairs == 0 {
        return steps * PREFIX_STEP;
    }
    // Half of it grows with the encoding; the rest is the way there: a mispredicted branch, cold cache lines.
    let survivor_bits = a.kernel().survivor_bits() * (0.5 + a.size().bits() as f64 / 2048.0);
    let mut surviving = pairs;
    let mut best = (f64::INFINITY, steps);
    for (length, &dropped) in dropped.iter().enumerate().take(steps + 1) {
        surviving -= dropped;
        // One pair more than seen: what a sample has not met may still exist.
        let share = f64::from(surviving + 1) / f64::from(pairs);
        // Counting all bits settles a pair for good.
        let survivor_bits = if length == steps { 0.0 } else { survivor_bits };
        let cost = FIXED_BITS + (length * PREFIX_STEP) as f64 + share.min(1.0) * survivor_bits;
        let allowed = length > 0 && (length * PREFIX_STEP).is_multiple_of(a.kernel().prefix_step());
        if allowed && cost < best.0 {
            best = (cost, length);
        }
    }
    best.1 * PREFIX_STEP
}

/// The least number of steps whose bound is below `need`; one more than all when the full count is not.
fn steps_until_dropped(a: &[u64], b: &[u64], need: u32) -> usize {
    let popcount = |row: &[u64]| row.iter().map(|word| word.count_ones()).sum::<u32>();
    let (mut rest_a, mut rest_b, mut and) = (popcount(a), popcount(b), 0);
    if rest_a.min(rest_b) < need {
        return 0;
    }
    let mut steps = 0;
    for (x, y) in a.iter().zip(b) {
        for shift in (0..64).step_by(PREFIX_STEP) {
            let (x, y) = ((x >> shift) as u16, (y >> shift) as u16);
            steps += 1;
            and += (x & y).count_ones();
            rest_a -= x.count_ones();
            rest_b -= y.count_ones();
            if and + rest_a.min(rest_b) < need {
                return steps;
            }
        }
    }
    steps + 1
}
