//! Kernels by name: what a flag or an environment variable may say.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Kernel;

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
    /// x86-64 with AVX-512 F, BW and VL.
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

impl KernelChoice {
    const ALL: [Self; 5] = [Self::Auto, Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon];

    pub(super) fn name(self) -> &'static str {
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
