//! AVX2 kernel: any x86-64 of the last ten years.
//!
//! | instruction (256 bits) | per cycle, Zen 4 | per cycle, Skylake | latency |
//! | --- | --- | --- | --- |
//! | `vpand`, `vpor`, `vpxor` | 4 | 3 | 1 |
//! | load | 2 | 2 | 7 |
//!
//! A full adder is five instructions: a ⊕ b, that ⊕ c; a ∧ b, (a ⊕ b) ∧ c, and their or.

use std::arch::x86_64::*;

use super::sliced::{self, Register};
use super::{FilterJob, LANES, PlaneLists, SurvivorQueue, lists, scalar};

/// A register.
pub(super) const WORDS_PER_PLANE: usize = 4;

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// 256 lanes.
#[derive(Clone, Copy)]
pub(super) struct Ymm(__m256i);

// SAFETY: only filters use it that enable the instructions.
unsafe impl Register for Ymm {
    const WORDS: usize = WORDS_PER_PLANE;

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self {
        unsafe { Self(_mm256_load_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self, c: Self) -> (Self, Self) {
        unsafe {
            let differ = _mm256_xor_si256(self.0, b.0);
            let both = _mm256_and_si256(self.0, b.0);
            let carry = _mm256_or_si256(both, _mm256_and_si256(differ, c.0));
            (Self(_mm256_xor_si256(differ, c.0)), Self(carry))
        }
    }

    #[inline(always)]
    unsafe fn add_two(self, b: Self) -> (Self, Self) {
        unsafe { (Self(_mm256_xor_si256(self.0, b.0)), Self(_mm256_and_si256(self.0, b.0))) }
    }

    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        unsafe { Self(_mm256_or_si256(self.0, b.0)) }
    }

    #[inline(always)]
    unsafe fn numbers(planes: &[[u64; 8]], words: usize, into: &mut [[u16; LANES]; 8]) {
        unsafe { numbers(planes, words, into) }
    }
}

/// Sixteen lanes at a time: each looks at its own bit of a plane, and adds the plane's weight if it is set.
#[target_feature(enable = "avx2")]
#[inline]
fn numbers(planes: &[[u64; 8]], words: usize, into: &mut [[u16; LANES]; 8]) {
    let bits: [i16; 16] = std::array::from_fn(|lane| (1u16 << lane) as i16);
    // SAFETY: 16 lanes of 2 bytes.
    let bits = unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) };
    for (word, into) in into.iter_mut().enumerate().take(words) {
        for (quarter, lanes) in into.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let mut sum = _mm256_setzero_si256();
            for (weight, plane) in planes.iter().enumerate() {
                let own = _mm256_and_si256(_mm256_set1_epi16((plane[word] >> (quarter * 16)) as i16), bits);
                let weight = _mm256_set1_epi16(1 << weight);
                sum = _mm256_add_epi16(sum, _mm256_and_si256(_mm256_cmpeq_epi16(own, bits), weight));
            }
            // SAFETY: 16 lanes of 2 bytes.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum) };
        }
    }
}

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    // SAFETY: the instructions are enabled; a plane has four words.
    unsafe { sliced::filter::<Ymm>(job, queue, scalar::and_count_generic) };
}

/// See [`Kernel::list`](super::Kernel::list).
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn list(into: &mut PlaneLists, row: &[u64], inverted: bool) {
    into.push_by(row, inverted, lists::write_bytewise);
}

/// |a∧b| of two rows of one length: four scalar popcounts a cycle beat table look-ups on short rows.
#[target_feature(enable = "avx2,popcnt")]
#[inline]
pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
    scalar::and_count_generic(a, b)
}
