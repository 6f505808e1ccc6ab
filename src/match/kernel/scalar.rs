//! Portable kernel: 64-bit words, one pair at a time.
//!
//! It reads plain rows. Where the CPU has a popcount instruction that the build's baseline does not promise
//! (x86-64 without `-C target-cpu`), the same code is compiled a second time with it and chosen at run time:
//! it is 3-4 times as fast.

use super::{FilterJob, GROUP, LANES, SurvivorQueue};

/// See [`Kernel::survivor_bits`](super::Kernel::survivor_bits).
pub(super) const SURVIVOR_BITS: f64 = 1200.0;

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

/// Rows of b that an inner step takes.
const ROWS: usize = 4;

#[inline(always)]
fn filter_generic(job: &FilterJob, queue: &mut SurvivorQueue) {
    let words = job.prefix_bits / 64;
    let (start, end) = (job.group * GROUP, ((job.group + 1) * GROUP).min(job.b.len()));
    for (row, a) in job.rows.clone().enumerate() {
        let row_a = &job.a.row(a)[..words];
        let need = u32::from(job.need[usize::from(job.a.popcounts()[a])]);
        let rest_a = u32::from(job.rest_a[a]);
        for (block, first) in (start..end).step_by(LANES).enumerate() {
            let mut mask = 0;
            let counts = queue.next_counts();
            let last = (first + LANES).min(end);
            for b in (first..last).step_by(ROWS) {
                // A last step of fewer rows repeats the last one.
                let rows: [usize; ROWS] = std::array::from_fn(|r| (b + r).min(last - 1));
                let rows_b: [&[u64]; ROWS] = std::array::from_fn(|r| &job.b.row(rows[r])[..words]);
                let mut and = [0; ROWS];
                for (word, &x) in row_a.iter().enumerate() {
                    for r in 0..ROWS {
                        and[r] += (x & rows_b[r][word]).count_ones();
                    }
                }
                for r in 0..ROWS {
                    let bound = and[r] + rest_a.min(u32::from(job.rest_b[rows[r]]));
                    counts.0[rows[r] - first] = and[r] as u16;
                    mask |= u32::from(bound >= need) << (rows[r] - first);
                }
            }
            queue.push(row, block, mask);
        }
    }
    if !job.counts_all() {
        queue.complete(job, and_count_generic);
    }
}
