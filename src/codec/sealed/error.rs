//! Why one of the service's own files cannot be used.

/// A file that is not what it should be. Each names the kind of file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Another kind of file.
    #[error("this is no {name}: it starts with other bytes")]
    Magic { name: &'static str },
    /// Written by another release.
    #[error("this {name} has format version {found}, this release knows version {known}")]
    Version { name: &'static str, found: u32, known: u32 },
    /// The end is missing.
    #[error("this {name} is cut short")]
    Truncated { name: &'static str },
    /// The digest does not match.
    #[error("this {name} is damaged: its digest does not match what it holds")]
    Damaged { name: &'static str },
    /// Right by its digest, but holding what no writer writes; or damage noticed before the digest.
    #[error("this {name} is damaged: {reason}")]
    Invalid { name: &'static str, reason: &'static str },
    /// Asked for rows that the file does not have.
    #[error("rows {start} to {end} of a file that has {count}")]
    RowsOutOfRange { start: u64, end: u64, count: u64 },
}
