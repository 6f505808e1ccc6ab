//! Portable kernel: 64-bit words, one pair at a time.
//!
//! It reads plain rows. Where the CPU has a popcount instruction that the build's baseline does not promise
//! (x86-64 without `-C target-cpu`), the same code is compiled a second time with it and chosen at run time:
//! it is 3-4 times as fast.

use super::{FilterJob, GROUP, LANES, SurvivorQueue, Survivors};

pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: the instruction was just detected.
        return unsafe { popcnt::filter(job, queue) };
    }
    filter_generic(job, queue);
}

pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: the instruction was just detected.
        return unsafe { popcnt::and_count(a, b) };
    }
    and_count_generic(a, b)
}

#[cfg(target_arch = "x86_64")]
mod popcnt {
    use super::*;

    #[target_feature(enable = "popcnt")]
    pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
        filter_generic(job, queue);
    }

    #[target_feature(enable = "popcnt")]
    pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
        and_count_generic(a, b)
    }
}

#[inline(always)]
pub(super) fn and_count_generic(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum()
}

/// Counts whole words only: a prefix that ends inside a word is taken up to the word before, and the rest of
/// the pair bounded by what is left of that word too.
#[inline(always)]
fn filter_generic(job: &FilterJob, queue: &mut SurvivorQueue) {
    let words = job.prefix_bits / 64;
    let half = job.prefix_bits % 64;
    let (first, last) = (job.group * GROUP, ((job.group + 1) * GROUP).min(job.b.len()));
    for a in job.rows.clone() {
        let row_a = job.a.row(a);
        let need = u32::from(job.need[usize::from(job.a.popcounts()[a])]);
        let rest_a = u32::from(job.rest_a[a]);
        for block in (first..last).step_by(LANES) {
            let mut mask = 0;
            for b in block..(block + LANES).min(last) {
                let row_b = job.b.row(b);
                let mut and = and_count_generic(&row_a[..words], &row_b[..words]);
                if half > 0 {
                    and += (row_a[words] & row_b[words] & ((1 << half) - 1)).count_ones();
                }
                let bound = and + rest_a.min(u32::from(job.rest_b[b]));
                mask |= u32::from(bound >= need) << (b - block);
            }
            queue.push(Survivors { a: a as u32, b: block as u32, mask });
        }
    }
}
