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
//! instructions; and the test against the threshold comes once per 32 pairs.

use std::arch::x86_64::*;

use super::{FilterJob, GROUP, LANES, SurvivorQueue, Survivors};

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
    let words = job.prefix_bits / PLANE_BITS;
    let plane = job.b.group_plane(job.group);
    assert!(plane.len() >= words * GROUP_BLOCKS);
    let rest_b = &job.rest_b[job.group * GROUP..][..GROUP];
    let mut first = job.rows.start;
    while first < job.rows.end {
        // A last step of fewer rows repeats the last one, with a need that nothing reaches.
        let rows: [usize; ROWS] = std::array::from_fn(|r| (first + r).min(job.rows.end - 1));
        let need: [__m512i; ROWS] = std::array::from_fn(|r| {
            let beyond = first + r >= job.rows.end;
            let need = job.need[usize::from(job.a.popcounts()[rows[r]])];
            _mm512_set1_epi16(if beyond { i16::MAX } else { need as i16 })
        });
        let rest_a: [__m512i; ROWS] = std::array::from_fn(|r| _mm512_set1_epi16(job.rest_a[rows[r]] as i16));
        let row_a: [*const i16; ROWS] = std::array::from_fn(|r| job.a.row(rows[r]).as_ptr().cast());
        for block in (0..GROUP_BLOCKS).step_by(BLOCKS) {
            let mut count = [[_mm512_setzero_si512(); BLOCKS]; ROWS];
            for word in 0..words {
                let line = word * GROUP_BLOCKS + block;
                // SAFETY: line + 1 < words · GROUP_BLOCKS ≤ plane.len(), and a line is 64 bytes, aligned.
                let b: [__m512i; BLOCKS] = std::array::from_fn(|c| unsafe {
                    _mm512_load_si512(plane.as_ptr().add(line + c).cast())
                });
                for r in 0..ROWS {
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
                for r in 0..ROWS {
                    let bound = _mm512_add_epi16(count[r][c], _mm512_min_epu16(rest_a[r], rest_b));
                    let mask = _mm512_cmpge_epi16_mask(bound, need[r]);
                    let b = (job.group * GROUP + (block + c) * LANES) as u32;
                    queue.push(Survivors { a: rows[r] as u32, b, mask });
                }
            }
        }
        first += ROWS;
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
