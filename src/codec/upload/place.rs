//! Where in an upload something was found.

use std::fmt;

/// The part of an upload that an error speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The outermost object, outside the members below.
    Body,
    /// The encoding of this record (0-based), with its block ids in the `clknblocks` form.
    Record(u32),
    /// The `blocks` member, outside any record's list.
    Blocks,
    /// The list of block ids of this record.
    BlocksOf(u32),
    /// A member of the external form, for instance `encodings.file.bucket`.
    Member(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("the body"),
            Self::Record(index) => write!(f, "encoding {index}"),
            Self::Blocks => f.write_str("`blocks`"),
            Self::BlocksOf(index) => write!(f, "the blocks of record {index}"),
            Self::Member(name) => write!(f, "`{name}`"),
        }
    }
}
