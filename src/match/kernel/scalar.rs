//! Portable kernel: 64-bit words, two at a time.
//!
//! Two words in an array are what compilers put into a register of 128 bits where every processor of the
//! kind has one, as x86-64 has. Where the CPU has a popcount instruction that the build's baseline does not
//! promise (x86-64 without `-C target-cpu`), single pairs are counted by it: that is 3-4 times as fast.

use super::sliced::{self, Register};
use super::{FilterJob, SurvivorQueue};

/// A register.
pub(super) const WORDS_PER_PLANE: usize = 2;

#[derive(Clone, Copy)]
struct Words([u64; 2]);

impl Words {
    #[inline(always)]
    fn each(self, b: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

// SAFETY: it takes no instructions that may be absent.
unsafe impl Register for Words {
    const WORDS: usize = WORDS_PER_PLANE;

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self {
        // SAFETY: two aligned words are there.
        unsafe { Self(from.cast::<[u64; 2]>().read()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        // SAFETY: there is room for two words.
        unsafe { to.cast::<[u64; 2]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self, c: Self) -> (Self, Self) {
        let differ = self.each(b, |a, b| a ^ b);
        let carry = self.each(b, |a, b| a & b).each(differ.each(c, |d, c| d & c), |x, y| x | y);
        (differ.each(c, |d, c| d ^ c), carry)
    }

    #[inline(always)]
    unsafe fn add_two(self, b: Self) -> (Self, Self) {
        (self.each(b, |a, b| a ^ b), self.each(b, |a, b| a & b))
    }

    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        self.each(b, |a, b| a | b)
    }
}

/// See [`FilterJob`]. The job must be valid.
pub(super) fn filter(job: &FilterJob, queue: &mut SurvivorQueue) {
    // SAFETY: a plane has two words.
    unsafe { sliced::filter::<Words>(job, queue, and_count) };
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
    #[target_feature(enable = "popcnt")]
    pub(super) fn and_count(a: &[u64], b: &[u64]) -> u32 {
        super::and_count_generic(a, b)
    }
}

#[inline(always)]
pub(super) fn and_count_generic(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum()
}
