//! NEON kernel: every AArch64.
//!
//! Its results are tested under emulation; its speed has not been measured, and the table is Arm's.
//!
//! | instruction (128 bits) | per cycle, Neoverse N1 / V1 | latency |
//! | --- | --- | --- |
//! | `eor`, `and`, `bsl` | 2 / 4 | 2 |
//! | `ldr q` | 2 / 3 | 5-6 |
//!
//! A full adder is three instructions: a ⊕ b, that ⊕ c, and a choice (`bsl`) of the carry: where a and b
//! differ it is c, elsewhere a.

use std::arch::aarch64::*;

use super::sliced::{self, Register};
use super::{FilterJob, SurvivorQueue};

/// A register.
pub(super) const WORDS_PER_PLANE: usize = 2;

pub(super) fn is_supported() -> bool {
    std::arch::is_aarch64_feature_detected!("neon")
}

#[derive(Clone, Copy)]
struct Quad(uint64x2_t);

// SAFETY: only `filter` uses it, which enables the instructions.
unsafe impl Register for Quad {
    const WORDS: usize = WORDS_PER_PLANE;

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self {
        unsafe { Self(vld1q_u64(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        unsafe { vst1q_u64(to, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self, c: Self) -> (Self, Self) {
        unsafe {
            let differ = veorq_u64(self.0, b.0);
            (Self(veorq_u64(differ, c.0)), Self(vbslq_u64(differ, c.0, self.0)))
        }
    }

    #[inline(always)]
    unsafe fn add_two(self, b: Self) -> (Self, Self) {
        unsafe { (Self(veorq_u64(self.0, b.0)), Self(vandq_u64(self.0, b.0))) }
    }

    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        unsafe { Self(vorrq_u64(self.0, b.0)) }
    }
}

/// See [`FilterJob`]. The job must be valid.
#[target_feature(enable = "neon")]
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    // SAFETY: the instructions are enabled; a plane has two words.
    unsafe { sliced::filter::<Quad>(job, queue, |a, b| and_count(a, b)) };
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
