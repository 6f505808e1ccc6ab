//! Kernels: the inner loops that compare encodings, one set per instruction set.
//!
//! A kernel does two things. `filter` takes a few rows of one tile against a group of 128 rows of another,
//! counts |a∧b| over a *prefix* of the bits, lists the pairs that may still reach the threshold (those where
//! the count so far plus the smaller of the two remaining popcounts is at least what is needed), and counts
//! those in full. `and_count` counts a single pair. The algorithm around them ([`search`](super::search)) is
//! the same for all; each passes the same tests against the naive reference.
//!
//! `unsafe` lives in these files only.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod job;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

use std::fmt;

pub use choice::{KernelChoice, KernelError};
#[cfg(test)]
use job::{Counts, Survivors};
pub(crate) use job::{FilterJob, GROUP, LANES, MAX_ROWS, PREFIX_STEP, SurvivorQueue};

/// An implementation that this machine can run. Only [`detect`](Kernel::detect),
/// [`available`](Kernel::available) and [`KernelChoice::resolve`] make one, so holding one proves that its
/// instructions are there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernel(Isa);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The fastest kernel that this machine can run.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All kernels that this machine can run, fastest first. The scalar one always comes last.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if avx512::is_supported() {
                all.push(Self(Isa::Avx512));
            }
            if avx2::is_supported() {
                all.push(Self(Isa::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if neon::is_supported() {
            all.push(Self(Isa::Neon));
        }
        all.push(Self(Isa::Scalar));
        all
    }

    /// Its name, as [`KernelChoice`] takes it.
    pub fn name(self) -> &'static str {
        self.choice().name()
    }

    fn choice(self) -> KernelChoice {
        match self.0 {
            Isa::Scalar => KernelChoice::Scalar,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => KernelChoice::Avx2,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => KernelChoice::Avx512,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => KernelChoice::Neon,
        }
    }

    /// Bits per element of the interleaved copy that the filter reads. `None`: it reads plain rows.
    pub(crate) fn plane_bits(self) -> Option<usize> {
        match self.0 {
            Isa::Scalar => None,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Some(avx2::PLANE_BITS),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Some(avx512::PLANE_BITS),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Some(neon::PLANE_BITS),
        }
    }

    /// The prefixes that this kernel takes are multiples of so many bits.
    pub(crate) fn prefix_step(self) -> usize {
        // The scalar kernel counts whole words.
        if self.0 == Isa::Scalar { 64 } else { PREFIX_STEP }
    }

    /// What the full count of one survivor costs, as the number of bits that the filter counts of one pair in
    /// that time. From sweeps of the prefix at 1024 bits; NEON's is an estimate.
    pub(crate) fn survivor_bits(self) -> f64 {
        match self.0 {
            Isa::Scalar => scalar::SURVIVOR_BITS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::SURVIVOR_BITS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => avx512::SURVIVOR_BITS,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::SURVIVOR_BITS,
        }
    }

    /// Replaces the queue's content by the pairs of the job that may be candidates, with their full counts.
    pub(crate) fn filter(self, job: &FilterJob, queue: &mut SurvivorQueue) {
        assert!(job.a.kernel() == self && job.b.kernel() == self, "tiles prepared for another kernel");
        job.validate();
        queue.start(job);
        match self.0 {
            Isa::Scalar => scalar::filter(job, queue),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            Isa::Avx2 => unsafe { avx2::filter(job, queue) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::filter(job, queue) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::Neon => unsafe { neon::filter(job, queue) },
        }
    }

    /// |a∧b| of two rows of the same length.
    #[inline]
    pub(crate) fn and_count(self, a: &[u64], b: &[u64]) -> u32 {
        match self.0 {
            Isa::Scalar => scalar::and_count(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            Isa::Avx2 => unsafe { avx2::and_count(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::and_count(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::Neon => unsafe { neon::and_count(a, b) },
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({})", self.name())
    }
}
