//! Kernels: the inner loops that compare encodings, one set per instruction set.
//!
//! A kernel does two things. [`filter`](Kernel::filter) takes a few rows of one tile against a group of
//! [`GROUP`] rows of another, counts |a∧b| over a *prefix* of the bits, and lists the pairs that may still
//! reach the threshold: those where the count so far plus the smaller of the two remaining popcounts is at
//! least what is needed. [`and_count`](Kernel::and_count) counts one pair in full. The algorithm around them
//! ([`search`](super::search)) is the same for all; each passes the same tests against the naive reference.
//!
//! `unsafe` lives in these files only.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::tile::Tile;

/// Rows of a tile that are interleaved and filtered together.
pub(crate) const GROUP: usize = 128;
/// Rows covered by one [`Survivors`] entry.
pub(crate) const LANES: usize = 32;
/// Most rows that one call of `filter` may be given.
pub(crate) const MAX_ROWS: usize = 256;

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

/// What a user asks for: a kernel by name, or the best one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KernelChoice {
    /// The fastest that the machine can run.
    #[default]
    Auto,
    /// Portable code on 64-bit words.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL, VPOPCNTDQ and BITALG.
    Avx512,
    /// AArch64 with NEON.
    Neon,
}

/// Why there is no such kernel.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KernelError {
    /// No kernel has this name.
    #[error("{0:?} is no kernel: use auto, scalar, avx2, avx512 or neon")]
    Unknown(String),
    /// The machine lacks the instructions.
    #[error("this machine cannot run the kernel {wanted}; it can run: {available}")]
    Unavailable { wanted: KernelChoice, available: String },
}

/// Pairs of one row with up to [`LANES`] neighbouring rows of a group that passed a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survivors {
    /// Row of tile a.
    pub a: u32,
    /// First of the rows of tile b.
    pub b: u32,
    /// Bit i: row b + i passed.
    pub mask: u32,
}

/// The survivors of one `filter` call: as many as there can be, so that kernels append without growing
/// anything.
pub(crate) struct SurvivorQueue {
    entries: Box<[Survivors; Self::CAPACITY]>,
    len: usize,
}

impl SurvivorQueue {
    /// One entry per row and block of lanes; a kernel that takes rows by four may write one more step of
    /// them.
    const CAPACITY: usize = (MAX_ROWS + 4) * (GROUP / LANES);

    pub(crate) fn new() -> Self {
        Self { entries: Box::new([Survivors::default(); Self::CAPACITY]), len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn entries(&self) -> &[Survivors] {
        &self.entries[..self.len]
    }

    /// Appends without a branch: the entry is written in any case, and kept iff some lane passed.
    #[inline(always)]
    fn push(&mut self, survivors: Survivors) {
        self.entries[self.len] = survivors;
        self.len += usize::from(survivors.mask != 0);
    }
}

/// The filter's input: rows of `a` against one group of `b`.
pub(crate) struct FilterJob<'a> {
    pub a: &'a Tile,
    /// First and last + 1 row of `a`: at most [`MAX_ROWS`].
    pub rows: std::ops::Range<usize>,
    pub b: &'a Tile,
    /// Which group of `b`.
    pub group: usize,
    /// Length of the prefix in bits: a multiple of [`PREFIX_STEP`], at most the encoding's bits.
    pub prefix_bits: usize,
    /// Bits set after the prefix, per row of `a` and of `b` (there padded to whole groups with zeros).
    pub rest_a: &'a [u16],
    pub rest_b: &'a [u16],
    /// By popcount of the row of `a`: |a∧b| needed with the *least* popcount of the group.
    pub need: &'a [u16],
}

/// Prefixes are cut to this many bits.
pub(crate) const PREFIX_STEP: usize = 32;

impl FilterJob<'_> {
    /// Checks what kernels rely on when they read without bounds checks.
    fn validate(&self) {
        assert!(self.rows.start <= self.rows.end && self.rows.end <= self.a.len());
        assert!(self.rows.len() <= MAX_ROWS && self.group < self.b.groups());
        assert!(self.a.size() == self.b.size() && self.rest_a.len() == self.a.len());
        assert!(self.rest_b.len() == self.b.groups() * GROUP);
        assert!(self.prefix_bits.is_multiple_of(PREFIX_STEP) && self.prefix_bits <= self.a.size().bits());
        assert!(self.need.len() > self.a.size().bits());
    }
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

    /// Lists the pairs of the job that may be candidates.
    pub(crate) fn filter(self, job: &FilterJob, queue: &mut SurvivorQueue) {
        job.validate();
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

impl KernelChoice {
    const ALL: [Self; 5] = [Self::Auto, Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    /// The kernel to use on this machine.
    pub fn resolve(self) -> Result<Kernel, KernelError> {
        let available = Kernel::available();
        let found = available.iter().copied().find(|kernel| self == Self::Auto || kernel.choice() == self);
        found.ok_or_else(|| KernelError::Unavailable {
            wanted: self,
            available: available.iter().map(|kernel| kernel.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl fmt::Display for KernelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KernelChoice {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        let found = Self::ALL.into_iter().find(|choice| choice.name().eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| KernelError::Unknown(name.to_owned()))
    }
}

impl FromStr for Kernel {
    type Err = KernelError;

    /// A kernel by name, if this machine can run it; `auto` is the fastest.
    fn from_str(name: &str) -> Result<Self, KernelError> {
        name.parse::<KernelChoice>()?.resolve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_found_by_name() {
        for kernel in Kernel::available() {
            assert_eq!(kernel.name().parse(), Ok(kernel));
            assert_eq!(kernel.name().to_uppercase().parse(), Ok(kernel));
        }
        assert_eq!("auto".parse(), Ok(Kernel::detect()));
        assert_eq!("sse9".parse::<Kernel>(), Err(KernelError::Unknown("sse9".into())));
        let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let error = foreign.parse::<Kernel>().unwrap_err();
        assert!(matches!(&error, KernelError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("scalar"), "{error}");
    }
}
