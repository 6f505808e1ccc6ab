//! Kernels: the inner loops that compare encodings, one set per instruction set.
//!
//! A kernel does three things. `filter` takes some rows of one tile against a group of another's, adds up the
//! planes that each row wants, lists the pairs that may still reach the threshold, and counts those in full.
//! `rank` tells which of them do, and the ranks of their scores. `and_count` counts a single pair. `sliced` is the algorithm, once for all; a kernel is a register type for
//! it. What to ask of each row is for [`search`](super::search); every kernel passes the same tests against
//! the naive reference.
//!
//! Before, encodings were counted in place: and, `vpopcntw`, add on words that were interleaved so that counts
//! needed no horizontal sum (92 % of what those three sustain on Zen 4), or by `vpshufb` look-ups of nibbles where there
//! is no such instruction. Planes do the same with a fraction of the instructions; what they gave is at the head of
//! `sliced`.
//!
//! `unsafe` lives in these files only.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod job;
mod lists;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod popcount;
mod rank;
mod scalar;
mod sliced;
#[cfg(test)]
mod tests;

use std::fmt;

use super::score::ScoreRanks;
use super::threshold::NeedTable;

pub use choice::{KernelChoice, KernelError};
#[cfg(test)]
use job::{Counts, Survivors};
pub(crate) use job::{FilterJob, LANES, MAX_ROWS, Probe, SurvivorQueue};
pub(crate) use lists::{PLANES_STEP, PlaneLists};
pub(crate) use rank::{Counted, Ranked};
pub(crate) use sliced::NUMBERS_COST;

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
    Avx512 {
        /// Whether the processor counts bits of vectors.
        counts: bool,
    },
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
                all.push(Self(Isa::Avx512 { counts: avx512::counts_vectors() }));
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
            Isa::Avx512 { .. } => KernelChoice::Avx512,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => KernelChoice::Neon,
        }
    }

    /// 64-bit words of a plane, for a tile of so many rows: a register, or half of one where that holds them all and the
    /// processor has such.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(unused_variables, reason = "only AVX-512 has registers of two widths")
    )]
    pub(crate) fn words_per_plane(self, rows: usize) -> usize {
        match self.0 {
            Isa::Scalar => scalar::WORDS_PER_PLANE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::WORDS_PER_PLANE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => avx512::words_per_plane(rows),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::WORDS_PER_PLANE,
        }
    }

    /// Replaces the queue's content by the pairs of the job that may be candidates, with their full counts.
    pub(crate) fn filter(self, job: &FilterJob, queue: &mut SurvivorQueue) {
        assert!(
            job.rows.kernel() == self && job.columns.kernel() == self,
            "tiles prepared for another kernel"
        );
        job.validate();
        queue.start();
        match self.0 {
            Isa::Scalar => scalar::filter(job, queue),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            Isa::Avx2 => unsafe { avx2::filter(job, queue) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 { .. } => unsafe { avx512::filter(job, queue) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Isa::Neon => unsafe { neon::filter(job, queue) },
        }
    }

    /// Appends to the lists the bits of a row that are set, or with `inverted` those that are not. Of no words an empty
    /// list.
    pub(crate) fn list(self, lists: &mut PlaneLists, row: &[u64], inverted: bool) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            Isa::Avx2 => unsafe { avx2::list(lists, row, inverted) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Isa::Avx512 { .. } => unsafe { avx512::list(lists, row, inverted) },
            _ => lists.push_by(row, inverted, lists::write_bytewise),
        }
    }

    /// Replaces the content of `into` by those of the lanes that reach the threshold: both tables must be of one threshold and
    /// one size of encodings.
    #[inline]
    pub(crate) fn rank(self, counted: &Counted, need: &NeedTable, ranks: &ScoreRanks, into: &mut Ranked) {
        #[cfg(target_arch = "x86_64")]
        if let (Isa::Avx512 { .. }, Some(tables)) = (self.0, ranks.tables()) {
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            return unsafe { avx512::rank(counted, tables, into) };
        }
        rank::rank(counted, need, ranks, into);
    }

    /// |a∧b| of two rows of the same length.
    #[inline]
    pub(crate) fn and_count(self, a: &[u64], b: &[u64]) -> u32 {
        match self.0 {
            Isa::Scalar => scalar::and_count(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Kernel of this kind is made only after its instructions were detected.
            Isa::Avx512 { counts: true } => unsafe { avx512::and_count(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; what has AVX-512 for us has AVX2.
            Isa::Avx2 | Isa::Avx512 { counts: false } => unsafe { avx2::and_count(a, b) },
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
