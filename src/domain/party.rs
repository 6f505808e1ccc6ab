//! Parties: one data custodian's side of a project, from the right to upload to data that are ready.

use std::fmt;
use std::str::FromStr;

use super::PartyReport;

/// Where a party's upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartyState {
    /// Nothing has come yet; the update token is good.
    Waiting,
    /// An upload is under way and holds a lease.
    Uploading,
    /// The upload was accepted and names objects elsewhere, which a worker brings in.
    Ingesting,
    /// The encodings are stored and fit the project.
    Ready,
    /// The upload was accepted and then found unusable: the project is in error.
    Error,
}

impl PartyState {
    /// The name in the metadata store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Uploading => "uploading",
            Self::Ingesting => "ingesting",
            Self::Ready => "ready",
            Self::Error => "error",
        }
    }

    /// Whether the state may change to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use PartyState::{Error, Ingesting, Ready, Uploading, Waiting};
        matches!(
            (self, next),
            (Waiting, Uploading)
                | (Uploading, Waiting | Ingesting | Ready | Error)
                | (Ingesting, Ready | Error)
        )
    }
}

impl fmt::Display for PartyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PartyState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Waiting, Self::Uploading, Self::Ingesting, Self::Ready, Self::Error]
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| format!("unknown party state {text:?}"))
    }
}

/// What an upload turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadSummary {
    /// How many encodings.
    pub count: u32,
    /// Bytes per encoding.
    pub size: usize,
    /// Digest of all rows, 32 bytes.
    pub digest: [u8; 32],
    /// Object that holds the encoding file.
    pub encodings_object: String,
    /// Object that holds the block file, in projects that use blocking.
    pub blocks_object: Option<String>,
    /// What was odd about the upload and yet no error; shown in the project's description.
    pub warnings: Vec<String>,
    /// What it looks like as a whole.
    pub report: Option<PartyReport>,
}

impl UploadSummary {
    /// Names of its objects.
    pub fn objects(&self) -> Vec<&str> {
        std::iter::once(self.encodings_object.as_str()).chain(self.blocks_object.as_deref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_ends_once() {
        assert!(PartyState::Waiting.may_become(PartyState::Uploading));
        assert!(PartyState::Uploading.may_become(PartyState::Ready));
        assert!(PartyState::Uploading.may_become(PartyState::Ingesting));
        assert!(PartyState::Ingesting.may_become(PartyState::Ready));
        assert!(!PartyState::Ingesting.may_become(PartyState::Waiting), "its receipt has been handed out");
        for end in [PartyState::Ready, PartyState::Error] {
            for next in [PartyState::Waiting, PartyState::Uploading, PartyState::Ready, PartyState::Error] {
                assert!(!end.may_become(next));
            }
        }
    }
}
