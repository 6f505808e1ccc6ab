//! What an upload turned out to hold.

use super::external::ExternalUpload;
use super::size::SizeProblem;

/// Which member held the encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadForm {
    /// `{"clks":[…]}`
    Clks,
    /// `{"encodings":[…]}`
    Encodings,
    /// `{"clknblocks":[[…],…]}`
    ClkNBlocks,
    /// `{"encodings":{"file":{…}}}`: the encodings lie in an object store.
    External,
    /// `{"blocks":{…}}` alone, as a stored blocks object holds it.
    BlocksOnly,
}

impl UploadForm {
    /// The member's name.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Clks => "clks",
            Self::Encodings | Self::External => "encodings",
            Self::ClkNBlocks => "clknblocks",
            Self::BlocksOnly => "blocks",
        }
    }
}

/// Encodings that were padded with zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// The first of them.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// A whole upload body, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOutcome {
    /// Which form the body had.
    pub form: UploadForm,
    /// Records in it; 0 for the external form.
    pub count: u32,
    /// Bytes per encoding: the agreed size, else the first encoding's. `None` if there are no encodings in
    /// the body.
    pub size: Option<u32>,
    /// Whether the upload speaks of blocks at all, be it that no record is in one.
    pub has_blocks: bool,
    /// The first encoding whose size breaks the rules; the sink got nothing from there on.
    pub problem: Option<SizeProblem>,
    /// Set if encodings were shorter than the declared size and filled up.
    pub padding: Option<Padding>,
    /// Where the data lies, for the external form.
    pub external: Option<ExternalUpload>,
}
