//! NEON kernel: every AArch64.
//!
//! `vcntq_u8` counts the bits of bytes, so tile b is interleaved by bytes: a register holds one byte of each
//! of 16 rows. Two rows of a (broadcast) meet four registers of b; per register and byte that is one and, one
//! count, one add. Byte counters hold 31 bytes (248 bits); every 28 they are widened to 16 bits.
//!
//! Its results are tested under emulation; its speed has not been measured, and the table is Arm's.
//!
//! | instruction (128 bits) | per cycle, Neoverse N1 / V1 | latency |
//! | --- | --- | --- |
//! | `and`, `add` | 2 / 4 | 2 |
//! | `cnt` | 2 / 4 | 2 |
//! | `ldr q` | 2 / 3 | 5-6 |

use std::arch::aarch64::*;

use super::{FilterJob, GROUP, LANES, SurvivorQueue};

/// See [`Kernel::survivor_bits`](super::Kernel::survivor_bits).
pub(super) const SURVIVOR_BITS: f64 = 4000.0;
pub(super) const PLANE_BITS: usize = 8;

/// Rows of a, and registers of b, that an inner step takes.
const ROWS: usize = 2;
const REGISTERS: usize = 4;
/// Registers that hold one byte of a whole group.
const GROUP_REGISTERS: usize = GROUP / 16;
/// Bytes between two widenings.
const BYTES: usize = 28;

pub(super) fn is_supported() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "neon")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    if job.counts_all() {
        filter_prefix::<true>(job, queue);
    } else {
        filter_prefix::<false>(job, queue);
        queue.complete(job, |a, b| and_count(a, b));
    }
}

/// With `KEEP` the counts over the prefix go into the queue.
#[target_feature(enable = "neon")]
fn filter_prefix<const KEEP: bool>(job: &FilterJob, queue: &mut SurvivorQueue) {
    let mut row = 0;
    while row + ROWS <= job.rows.len() {
        filter_rows::<ROWS, KEEP>(job, row, queue);
        row += ROWS;
    }
    while row < job.rows.len() {
        filter_rows::<1, KEEP>(job, row, queue);
        row += 1;
    }
}

/// Takes `R` rows, the first of which is `row` rows after the job's first, against the group.
#[target_feature(enable = "neon")]
#[inline]
fn filter_rows<const R: usize, const KEEP: bool>(job: &FilterJob, row: usize, queue: &mut SurvivorQueue) {
    let bytes = job.prefix_bits / PLANE_BITS;
    let plane = job.b.group_plane(job.group);
    assert!(plane.len() * 4 >= bytes * GROUP_REGISTERS);
    let plane: *const u8 = plane.as_ptr().cast();
    let rest_b = &job.rest_b[job.group * GROUP..][..GROUP];
    let first = job.rows.start + row;
    let row_a: [*const u8; R] = std::array::from_fn(|r| job.a.row(first + r).as_ptr().cast());
    for quarter in (0..GROUP_REGISTERS).step_by(REGISTERS) {
        let mut wide = [[[vdupq_n_u16(0); 2]; REGISTERS]; R];
        let mut start = 0;
        while start < bytes {
            let end = (start + BYTES).min(bytes);
            let mut count = [[vdupq_n_u8(0); REGISTERS]; R];
            for byte in start..end {
                // SAFETY: byte < the row's bytes.
                let a: [uint8x16_t; R] = std::array::from_fn(|r| vdupq_n_u8(unsafe { *row_a[r].add(byte) }));
                for c in 0..REGISTERS {
                    // SAFETY: the plane holds GROUP bytes for each byte of the prefix.
                    let b = unsafe { vld1q_u8(plane.add((byte * GROUP_REGISTERS + quarter + c) * 16)) };
                    for r in 0..R {
                        count[r][c] = vaddq_u8(count[r][c], vcntq_u8(vandq_u8(a[r], b)));
                    }
                }
            }
            for r in 0..R {
                for c in 0..REGISTERS {
                    wide[r][c][0] = vaddw_u8(wide[r][c][0], vget_low_u8(count[r][c]));
                    wide[r][c][1] = vaddw_high_u8(wide[r][c][1], count[r][c]);
                }
            }
            start = end;
        }
        for r in 0..R {
            let need = vdupq_n_u16(job.need[usize::from(job.a.popcounts()[first + r])]);
            let rest_a = vdupq_n_u16(job.rest_a[first + r]);
            for pair in (0..REGISTERS).step_by(2) {
                let mut mask = 0;
                for eighth in 0..4 {
                    let lane = (quarter + pair) * 16 + eighth * 8;
                    // SAFETY: 8 lanes of 2 bytes, within the group.
                    let rest_b = unsafe { vld1q_u16(rest_b[lane..lane + 8].as_ptr()) };
                    let count = wide[r][pair + eighth / 2][eighth % 2];
                    let bound = vaddq_u16(count, vminq_u16(rest_a, rest_b));
                    mask |= bits(vcgeq_u16(bound, need)) << (eighth * 8);
                    if KEEP {
                        let lanes = &mut queue.next_counts().0[eighth * 8..][..8];
                        // SAFETY: 8 lanes of 2 bytes.
                        unsafe { vst1q_u16(lanes.as_mut_ptr(), count) };
                    }
                }
                queue.push(row + r, (quarter + pair) * 16 / LANES, mask);
            }
        }
    }
}

/// One bit per lane of a comparison's result.
#[target_feature(enable = "neon")]
#[inline]
fn bits(lanes: uint16x8_t) -> u32 {
    const WEIGHTS: [u16; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: the array is 16 bytes.
    let weights = unsafe { vld1q_u16(WEIGHTS.as_ptr()) };
    u32::from(vaddvq_u16(vandq_u16(lanes, weights)))
}

/// |a∧b| of two rows of one length.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
    let (a_whole, a_rest) = a.as_chunks::<2>();
    let (b_whole, b_rest) = b.as_chunks::<2>();
    let mut ones = vdupq_n_u16(0);
    for (a, b) in a_whole.iter().zip(b_whole) {
        // SAFETY: both are 16 bytes.
        let both = unsafe { vandq_u64(vld1q_u64(a.as_ptr()), vld1q_u64(b.as_ptr())) };
        ones = vpadalq_u8(ones, vcntq_u8(vreinterpretq_u8_u64(both)));
    }
    let rest: u32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a & b).count_ones()).sum();
    u32::from(vaddvq_u16(ones)) + rest
}
