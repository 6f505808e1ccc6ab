//! AVX2 kernel: any x86-64 of the last ten years.
//!
//! AVX2 has no vector popcount; the usual way (and, split into nibbles, look both up, add) costs 8
//! instructions for 256 bits. Here tile b is stored as nibble planes: a register holds one nibble of each of
//! 32 rows. Each of the 16 values of a's nibble has its own 16-byte table of popcount(a ∧ b), so that
//! `vpshufb(table[a's nibble], b's nibbles)` is and, and popcount, in one: per 32 pairs and 4 bits one
//! shuffle and one add. Byte counters hold 63 nibbles (252); every 56 they are widened to 16 bits.
//!
//! One row meets the four registers of a group. Tried on Zen 4, as shares of its speed: two rows by four
//! registers 0.9 (with sixteen registers counters spill; kept from spilling, no better), two by two 0.88,
//! four by two 0.8.
//!
//! | instruction (256 bits) | per cycle, Zen 4 | per cycle, Skylake | latency |
//! | --- | --- | --- | --- |
//! | `vpshufb` | 2 | 1 | 1-2 |
//! | `vpaddb` | 4 | 3 | 1 |
//! | load | 2 | 2 | 7 |

use std::arch::x86_64::*;

use super::{FilterJob, GROUP, LANES, SurvivorQueue, scalar};

/// See [`Kernel::survivor_bits`](super::Kernel::survivor_bits).
pub(super) const SURVIVOR_BITS: f64 = 5000.0;
pub(super) const PLANE_BITS: usize = 4;

/// Registers that hold one nibble of a whole group.
const BLOCKS: usize = GROUP / LANES;
/// Nibbles between two widenings.
const NIBBLES: usize = 56;

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// `TABLES[x][y]` = popcount(x ∧ y).
static TABLES: [[u8; 16]; 16] = {
    let mut tables = [[0; 16]; 16];
    let mut i = 0;
    while i < 256 {
        tables[i / 16][i % 16] = ((i / 16) & (i % 16)).count_ones() as u8;
        i += 1;
    }
    tables
};

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    if job.counts_all() {
        filter_prefix::<true>(job, queue);
    } else {
        filter_prefix::<false>(job, queue);
        queue.complete(job, |a, b| and_count(a, b));
    }
}

/// With `KEEP` the counts over the prefix go into the queue.
#[target_feature(enable = "avx2,popcnt")]
fn filter_prefix<const KEEP: bool>(job: &FilterJob, queue: &mut SurvivorQueue) {
    let nibbles = job.prefix_bits / PLANE_BITS;
    let plane = job.b.group_plane(job.group);
    assert!(plane.len() * 2 >= nibbles * BLOCKS);
    let plane: *const __m256i = plane.as_ptr().cast();
    let rest_b = &job.rest_b[job.group * GROUP..][..GROUP];
    for (row, a) in job.rows.clone().enumerate() {
        let row_a: *const u8 = job.a.row(a).as_ptr().cast();
        // Compared as "greater than one less".
        let need = _mm256_set1_epi16(job.need[usize::from(job.a.popcounts()[a])] as i16 - 1);
        let rest_a = _mm256_set1_epi16(job.rest_a[a] as i16);
        let mut wide = [[_mm256_setzero_si256(); 2]; BLOCKS];
        let mut start = 0;
        while start < nibbles {
            let end = (start + NIBBLES).min(nibbles);
            let mut count = [_mm256_setzero_si256(); BLOCKS];
            for byte in start / 2..end / 2 {
                // SAFETY: byte < prefix_bits / 8 ≤ the row's bytes.
                let value = unsafe { *row_a.add(byte) };
                for (half, x) in [value & 15, value >> 4].into_iter().enumerate() {
                    // SAFETY: a table is 16 bytes.
                    let table = unsafe { _mm_loadu_si128(TABLES[usize::from(x)].as_ptr().cast()) };
                    let table = _mm256_broadcastsi128_si256(table);
                    for (c, count) in count.iter_mut().enumerate() {
                        // SAFETY: the nibble is below `nibbles`, and the plane has BLOCKS registers for each.
                        let b = unsafe { _mm256_load_si256(plane.add((byte * 2 + half) * BLOCKS + c)) };
                        *count = _mm256_add_epi8(*count, _mm256_shuffle_epi8(table, b));
                    }
                }
            }
            for c in 0..BLOCKS {
                let low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(count[c]));
                let high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(count[c]));
                wide[c] = [_mm256_add_epi16(wide[c][0], low), _mm256_add_epi16(wide[c][1], high)];
            }
            start = end;
        }
        for c in 0..BLOCKS {
            let passed: [__m256i; 2] = std::array::from_fn(|half| {
                let lanes = &rest_b[c * LANES + half * 16..][..16];
                // SAFETY: 16 lanes of 2 bytes.
                let rest_b = unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
                let bound = _mm256_add_epi16(wide[c][half], _mm256_min_epu16(rest_a, rest_b));
                _mm256_cmpgt_epi16(bound, need)
            });
            // Packing works within 128-bit halves: 0xD8 puts the quarters back in order.
            let bytes = _mm256_permute4x64_epi64::<0xD8>(_mm256_packs_epi16(passed[0], passed[1]));
            let mask = _mm256_movemask_epi8(bytes) as u32;
            if KEEP {
                for (half, wide) in wide[c].into_iter().enumerate() {
                    let lanes = &mut queue.next_counts().0[half * 16..][..16];
                    // SAFETY: 16 lanes of 2 bytes.
                    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), wide) };
                }
            }
            queue.push(row, c, mask);
        }
    }
}

/// |a∧b| of two rows of one length: four scalar popcounts a cycle beat the table look-ups on short rows.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
    scalar::and_count_generic(a, b)
}
