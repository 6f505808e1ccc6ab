//! Parts of long lists.

use crate::domain::Timestamp;

/// A part of a list that is ordered by time and, at one time, by identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Time and identifier of the entry before the first wanted one.
    pub after: (Timestamp, String),
    /// Entries at most.
    pub limit: u32,
}

impl ListPage {
    /// The beginning of a list.
    pub fn first(limit: u32) -> Self {
        Self { after: (Timestamp(i64::MIN), String::new()), limit }
    }
}
