//! NEON kernel: every AArch64.
//!
//! `vcntq_u8` counts the bits of bytes, so tile b is interleaved by bytes: a register holds one byte of each
//! of 16 rows. Two rows of a (broadcast) meet four registers of b; per register and byte that is one and, one
//! count, one add. Byte counters hold 31 bytes (248 bits); every 28 they are widened to 16 bits.
//!
//! | instruction (128 bits) | per cycle, Neoverse N1 / V1 | latency |
//! | --- | --- | --- |
//! | `and`, `add` | 2 / 4 | 2 |
//! | `cnt` | 2 / 4 | 2 |
//! | `ldr q` | 2 / 3 | 5-6 |

use std::arch::aarch64::*;

use super::{FilterJob, GROUP, LANES, SurvivorQueue, Survivors};

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
    let bytes = job.prefix_bits / PLANE_BITS;
    let plane = job.b.group_plane(job.group);
    assert!(plane.len() * 4 >= bytes * GROUP_REGISTERS);
    let plane: *const u8 = plane.as_ptr().cast();
    let rest_b = &job.rest_b[job.group * GROUP..][..GROUP];
    let mut first = job.rows.start;
    while first < job.rows.end {
        // A last step of fewer rows repeats the last one, with a need that nothing reaches.
        let rows: [usize; ROWS] = std::array::from_fn(|r| (first + r).min(job.rows.end - 1));
        let row_a: [*const u8; ROWS] = std::array::from_fn(|r| job.a.row(rows[r]).as_ptr().cast());
        for quarter in (0..GROUP_REGISTERS).step_by(REGISTERS) {
            let mut wide = [[[vdupq_n_u16(0); 2]; REGISTERS]; ROWS];
            let mut start = 0;
            while start < bytes {
                let end = (start + BYTES).min(bytes);
                let mut count = [[vdupq_n_u8(0); REGISTERS]; ROWS];
                for byte in start..end {
                    // SAFETY: byte < the row's bytes.
                    let a: [uint8x16_t; ROWS] =
                        std::array::from_fn(|r| vdupq_n_u8(unsafe { *row_a[r].add(byte) }));
                    for c in 0..REGISTERS {
                        // SAFETY: the plane holds GROUP bytes for each byte of the prefix.
                        let b = unsafe { vld1q_u8(plane.add((byte * GROUP_REGISTERS + quarter + c) * 16)) };
                        for r in 0..ROWS {
                            count[r][c] = vaddq_u8(count[r][c], vcntq_u8(vandq_u8(a[r], b)));
                        }
                    }
                }
                for r in 0..ROWS {
                    for c in 0..REGISTERS {
                        wide[r][c][0] = vaddw_u8(wide[r][c][0], vget_low_u8(count[r][c]));
                        wide[r][c][1] = vaddw_high_u8(wide[r][c][1], count[r][c]);
                    }
                }
                start = end;
            }
            for r in 0..ROWS {
                let need = match first + r < job.rows.end {
                    true => job.need[usize::from(job.a.popcounts()[rows[r]])],
                    false => u16::MAX,
                };
                let (need, rest_a) = (vdupq_n_u16(need), vdupq_n_u16(job.rest_a[rows[r]]));
                for pair in (0..REGISTERS).step_by(2) {
                    let mut mask = 0;
                    for eighth in 0..4 {
                        let lane = (quarter + pair) * 16 + eighth * 8;
                        // SAFETY: 8 lanes of 2 bytes, within the group.
                        let rest_b = unsafe { vld1q_u16(rest_b[lane..lane + 8].as_ptr()) };
                        let bound =
                            vaddq_u16(wide[r][pair + eighth / 2][eighth % 2], vminq_u16(rest_a, rest_b));
                        mask |= bits(vcgeq_u16(bound, need)) << (eighth * 8);
                    }
                    let b = (job.group * GROUP + (quarter + pair) * 16) as u32;
                    queue.push(Survivors { a: rows[r] as u32, b, mask });
                }
            }
        }
        first += ROWS;
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
