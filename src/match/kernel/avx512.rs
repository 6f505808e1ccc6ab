//! AVX-512 kernel (F, BW, VL, VPOPCNTDQ, BITALG): Ice Lake, Zen 4 and later.
//!
//! | instruction (512 bits) | per cycle, Zen 4 | per cycle, Ice Lake | latency |
//! | --- | --- | --- | --- |
//! | `vpandd` | 2 | 2 | 1 |
//! | `vpopcntw` | 1 | 1 | 2-3 |
//! | `vpaddw` | 2 | 2 | 1 |
//! | load | 1 | 2 | 7 |
//! | `vpbroadcastw` from memory | 1 | 1 | 7 |
//!
//! The triple and-popcount-add costs 1.5 cycles for 512 bits on Zen 4, so that 1024 bits of a pair cost 3
//! cycles at best. To come near that nothing else may cost much: tile b is interleaved by 16-bit words, so
//! that a register holds one word of 32 rows and the counts need no horizontal sum; four rows of a (broadcast
//! from memory) meet two registers of b, so that one inner step is 2 loads and 4 broadcasts for 24 arithmetic
//! instructions; the test against the threshold comes once per 32 pairs, its result is one packed store
//! without a branch; and a group's prefix (6 KiB of 416 bits) stays in the first-level cache while all rows
//! of a go by.
//!
//! Tried. Full counts in a prototype, as shares of that bound: this layout 92 %, 64-bit lanes 86 % (the test
//! comes once per 8 pairs), row against row with horizontal sums 53 %; carry-save adders before the popcount
//! do not pay on Zen 4. Here, 10 000 × 10 000 at 0.8: one packed store per survivor entry instead of three,
//! with prefixes in steps of 16 bits instead of 32, is worth 3 %.

use std::arch::x86_64::*;

use super::{FilterJob, GROUP, LANES, SurvivorQueue};

/// See [`Kernel::survivor_bits`](super::Kernel::survivor_bits).
pub(super) const SURVIVOR_BITS: f64 = 8000.0;
pub(super) const PLANE_BITS: usize = 16;

/// Rows of a, and registers of b, that an inner step takes.
const ROWS: usize = 4;
const BLOCKS: usize = 2;
/// Registers that hold one 16-bit word of a whole group.
const GROUP_BLOCKS: usize = GROUP / LANES;

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("avx512bitalg")
}

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    if job.counts_all() {
        filter_prefix::<true>(job, queue);
    } else {
        filter_prefix::<false>(job, queue);
        queue.complete(job, |a, b| and_count(a, b));
    }
}

/// With `KEEP` the counts over the prefix go into the queue.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg")]
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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg")]
#[inline]
fn filter_rows<const R: usize, const KEEP: bool>(job: &FilterJob, row: usize, queue: &mut SurvivorQueue) {
    let words = job.prefix_bits / PLANE_BITS;
    let plane = job.b.group_plane(job.group);
    assert!(plane.len() >= words * GROUP_BLOCKS);
    let rest_b = &job.rest_b[job.group * GROUP..][..GROUP];
    let first = job.rows.start + row;
    let popcounts = &job.a.popcounts()[first..first + R];
    let need: [__m512i; R] =
        std::array::from_fn(|r| _mm512_set1_epi16(job.need[usize::from(popcounts[r])] as i16));
    let rest_a: [__m512i; R] = std::array::from_fn(|r| _mm512_set1_epi16(job.rest_a[first + r] as i16));
    let row_a: [*const i16; R] = std::array::from_fn(|r| job.a.row(first + r).as_ptr().cast());
    for block in (0..GROUP_BLOCKS).step_by(BLOCKS) {
        let mut count = [[_mm512_setzero_si512(); BLOCKS]; R];
        for word in 0..words {
            let line = word * GROUP_BLOCKS + block;
            // SAFETY: line + 1 < words · GROUP_BLOCKS ≤ plane.len(), and a line is 64 bytes, aligned.
            let b: [__m512i; BLOCKS] =
                std::array::from_fn(|c| unsafe { _mm512_load_si512(plane.as_ptr().add(line + c).cast()) });
            for r in 0..R {
                // SAFETY: word < the row's bits / 16.
                let a = _mm512_set1_epi16(unsafe { *row_a[r].add(word) });
                for c in 0..BLOCKS {
                    let ones = _mm512_popcnt_epi16(_mm512_and_si512(a, b[c]));
                    count[r][c] = _mm512_add_epi16(count[r][c], ones);
                }
            }
        }
        for c in 0..BLOCKS {
            let lanes = &rest_b[(block + c) * LANES..][..LANES];
            // SAFETY: 32 lanes of 2 bytes.
            let rest_b = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
            for r in 0..R {
                let bound = _mm512_add_epi16(count[r][c], _mm512_min_epu16(rest_a[r], rest_b));
                let mask = _mm512_cmpge_epi16_mask(bound, need[r]);
                if KEEP {
                    // SAFETY: 32 counts of 2 bytes, aligned.
                    unsafe { _mm512_store_si512(queue.next_counts().0.as_mut_ptr().cast(), count[r][c]) };
                }
                queue.push(row + r, block + c, mask);
            }
        }
    }
}

/// |a∧b| of two rows of one length.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg")]
#[inline]
pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    let mut ones = _mm512_setzero_si512();
    for (a, b) in a_whole.iter().zip(b_whole) {
        // SAFETY: both are 64 bytes.
        let (a, b) =
            unsafe { (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast())) };
        ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(_mm512_and_si512(a, b)));
    }
    if !a_rest.is_empty() && a_rest.len() == b_rest.len() {
        let mask = (1u8 << a_rest.len()) - 1;
        // SAFETY: the mask leaves out all words past the end of either slice.
        let (a, b) = unsafe {
            (
                _mm512_maskz_loadu_epi64(mask, a_rest.as_ptr().cast()),
                _mm512_maskz_loadu_epi64(mask, b_rest.as_ptr().cast()),
            )
        };
        ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(_mm512_and_si512(a, b)));
    }
    _mm512_reduce_add_epi64(ones) as u32
}
