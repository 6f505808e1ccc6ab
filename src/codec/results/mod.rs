//! Results as text: JSON for the REST API, CSV for the command line.
//!
//! Each writer appends to a `Vec<u8>` that the caller drains whenever it likes, so that a result of any
//! length streams in constant memory. JSON results have no white space and a fixed order of members: one
//! result has one text.

mod groups;
mod number;
mod permutation;
mod similarity;

pub use groups::GroupsText;
pub use permutation::{mask_json, permutation_json};
pub use similarity::SimilarityText;

/// What a result is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    Json,
    /// With a header line and `\n` line ends; there is nothing to quote.
    Csv,
}
