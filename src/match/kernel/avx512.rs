//! AVX-512 kernel (F, BW, VL): Skylake servers, Zen 4 and later.
//!
//! | instruction (512 bits) | per cycle, Skylake | per cycle, Zen 4 | latency |
//! | --- | --- | --- | --- |
//! | `vpternlogd` | 2 | 2 | 1 |
//! | load | 2 | 1 | 7 |
//!
//! A full adder is two `vpternlogd`: one for the sum (a ⊕ b ⊕ c), one for the carry (the majority). Groups of few rows take
//! AVX2's registers; compilers make the same of its logic where they may.

use std::arch::x86_64::*;

use super::super::score::{Direct, SumRow};
use super::avx2::Ymm;
use super::rank::{Counted, Ranked};
use super::sliced::{self, Register};
use super::{FilterJob, LANES, PlaneLists, SurvivorQueue, scalar};

/// A register of 512 bits, or of 256 for few rows.
pub(super) fn words_per_plane(rows: usize) -> usize {
    if rows <= 64 * Ymm::WORDS { Ymm::WORDS } else { Zmm::WORDS }
}

pub(super) fn is_supported() -> bool {
    super::avx2::is_supported()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

/// Whether the processor counts the bits of vectors too.
pub(super) fn counts_vectors() -> bool {
    is_x86_feature_detected!("avx512vpopcntdq")
}

/// Truth tables of `vpternlogd`.
const SUM: i32 = 0b1001_0110;
const MAJORITY: i32 = 0b1110_1000;

#[derive(Clone, Copy)]
struct Zmm(__m512i);

// SAFETY: only `filter` uses it, which enables the instructions.
unsafe impl Register for Zmm {
    const WORDS: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self {
        unsafe { Self(_mm512_load_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self, c: Self) -> (Self, Self) {
        unsafe {
            (
                Self(_mm512_ternarylogic_epi64::<SUM>(self.0, b.0, c.0)),
                Self(_mm512_ternarylogic_epi64::<MAJORITY>(self.0, b.0, c.0)),
            )
        }
    }

    #[inline(always)]
    unsafe fn add_two(self, b: Self) -> (Self, Self) {
        unsafe { (Self(_mm512_xor_si512(self.0, b.0)), Self(_mm512_and_si512(self.0, b.0))) }
    }

    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        unsafe { Self(_mm512_or_si512(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn numbers(planes: &[[u64; 8]], words: usize, into: &mut [[u16; LANES]; 8]) {
        unsafe { numbers(planes, words, into) }
    }
}

/// A bit of each lane selects whether its plane's weight is added: 32 lanes at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
fn numbers(planes: &[[u64; 8]], words: usize, into: &mut [[u16; LANES]; 8]) {
    for (word, into) in into.iter_mut().enumerate().take(words) {
        for half in 0..2 {
            let mut sum = _mm512_setzero_si512();
            for (weight, plane) in planes.iter().enumerate() {
                let mask = (plane[word] >> (half * 32)) as u32;
                sum = _mm512_mask_add_epi16(sum, mask, sum, _mm512_set1_epi16(1 << weight));
            }
            let lanes = &mut into[half * 32..][..32];
            // SAFETY: 32 lanes of 2 bytes.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum) };
        }
    }
}

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    // SAFETY: the instructions are enabled; a plane has four words, or eight of which four may hold all rows.
    unsafe {
        if job.columns.rows_of_group(job.group) <= 64 * Ymm::WORDS {
            sliced::filter::<Ymm>(job, queue, scalar::and_count_generic);
        } else {
            sliced::filter::<Zmm>(job, queue, scalar::and_count_generic);
        }
    }
}

/// See [`Kernel::list`](super::Kernel::list). Sixteen bits at a time select their planes' offsets from a register.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
pub(super) fn list(into: &mut PlaneLists, row: &[u64], inverted: bool) {
    into.push_by(row, inverted, |row, flip, plane_bytes, into| {
        let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut offsets = _mm512_mullo_epi32(lane, _mm512_set1_epi32(plane_bytes as i32));
        let step = _mm512_set1_epi32(16 * plane_bytes as i32);
        let mut len = 0;
        for word in row {
            for quarter in 0..4 {
                let mask = ((word ^ flip) >> (quarter * 16)) as u16;
                let entries: &mut [u32; 16] = into[len..].first_chunk_mut().expect("there is room");
                // SAFETY: 16 entries of 4 bytes.
                unsafe {
                    let selected = _mm512_maskz_compress_epi32(mask, offsets);
                    _mm512_storeu_si512(entries.as_mut_ptr().cast(), selected);
                }
                offsets = _mm512_add_epi32(offsets, step);
                len += mask.count_ones() as usize;
            }
        }
        len
    });
}

/// See [`Kernel::rank`](super::Kernel::rank). Sixteen lanes at a time look their needs and ranks up together; those that pass move
/// to the front of their registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
pub(super) fn rank(counted: &Counted, tables: &Direct, into: &mut Ranked) {
    const AT_ONCE: usize = 16;
    let (sums, ranks) = (tables.sums(), tables.ranks());
    let last_sum = _mm512_set1_epi32(sums.len() as i32 - 1);
    let last_rank = _mm512_set1_epi32(ranks.len() as i32 - 1);
    let popcount = _mm512_set1_epi32(counted.popcount as i32);
    let mut found = 0;
    for start in (0..LANES).step_by(AT_ONCE) {
        let wanted = (counted.mask >> start) as u16;
        if wanted == 0 {
            continue;
        }
        let counts: &[u16; AT_ONCE] = counted.counts[start..].first_chunk().expect("lanes come in sixteens");
        let (popcounts, ids) = (&counted.popcounts[start..], &counted.ids[start..]);
        let rows = popcounts.len().min(ids.len()).min(AT_ONCE);
        let there = (u16::MAX as u32 >> (AT_ONCE - rows)) as u16;
        // SAFETY: loads are of 16 counts and of `rows` popcounts and ids; look-ups stay within the tables, whatever the
        // counts are, and `SumRow` is two u32s.
        let (passed, ranks, ids) = unsafe {
            let and = _mm512_cvtepu16_epi32(_mm256_loadu_si256(counts.as_ptr().cast()));
            let popcounts = _mm256_maskz_loadu_epi16(there, popcounts.as_ptr().cast());
            let ids = _mm512_maskz_loadu_epi32(there, ids.as_ptr().cast());
            let sum = _mm512_add_epi32(_mm512_cvtepu16_epi32(popcounts), popcount);
            let sum = _mm512_min_epu32(sum, last_sum);
            let first: *const SumRow = sums.as_ptr();
            let need = _mm512_i32gather_epi32::<8>(sum, (&raw const (*first).need).cast());
            let row = _mm512_i32gather_epi32::<8>(sum, (&raw const (*first).start).cast());
            let passed = _mm512_mask_cmpge_epu32_mask(wanted & there, and, need);
            let place = _mm512_min_epu32(_mm512_add_epi32(row, and), last_rank);
            let none = _mm512_setzero_si512();
            (passed, _mm512_mask_i32gather_epi32::<4>(none, passed, place, ranks.as_ptr().cast()), ids)
        };
        let to_ranks: &mut [u32; AT_ONCE] = into.ranks[found..].first_chunk_mut().expect("there is room");
        let to_ids: &mut [u32; AT_ONCE] = into.ids[found..].first_chunk_mut().expect("there is room");
        // SAFETY: 16 entries of 4 bytes.
        unsafe {
            _mm512_storeu_si512(to_ranks.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(passed, ranks));
            _mm512_storeu_si512(to_ids.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(passed, ids));
        }
        found += passed.count_ones() as usize;
    }
    into.len = found;
}

/// |a∧b| of two rows of one length, for processors that [count vectors](counts_vectors).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq")]
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
