//! The block file: which rows of one party are in which block.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `ANLBLOK1` |
//! | 4 | version, 1 |
//! | 20 | zero |
//! | entries × 4 | rows, block after block, ascending within each |
//! | blocks × 40 | per block: digest of its id (32), and where its rows end in the list above (8); digests ascend |
//! | 48 | [trailer](super::sealed), counting blocks |
//!
//! This is compressed sparse row form. Rows come first because they are what a merge of sorted runs
//! produces first: the file is written in one pass ([`BlockSorter`]). With the trailer at hand the
//! sections' places follow from the file's length, so a reader allocates exactly what it needs
//! ([`BlockReader`]).

mod layout;
mod reader;
mod runs;
mod sorter;
mod writer;

pub use layout::BlockFile;
pub use reader::{BlockReader, Blocks};
pub use sorter::BlockSorter;

use super::sealed::{Format, TRAILER_LEN};

/// Bytes before the first row.
pub const BLOCK_HEADER_LEN: usize = 32;

/// Bytes after the last block.
pub const BLOCK_TRAILER_LEN: usize = TRAILER_LEN;

static FORMAT: Format = Format {
    name: "block file",
    magic: *b"ANLBLOK1",
    end_magic: *b"BLOKEND1",
    version: 1,
    header_len: BLOCK_HEADER_LEN,
};

#[cfg(test)]
mod tests;
