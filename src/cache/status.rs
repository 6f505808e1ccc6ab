//! The last `/status` document, kept inside the process.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::Timestamp;

/// How old the document may be. Long enough to make polling cheap, short enough that nobody notices.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The last document, unless it has been cleared since.
#[derive(Debug, Default)]
pub(super) struct LocalStatus {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    document: Option<(Timestamp, String)>,
    generation: u64,
}

impl LocalStatus {
    /// Forgets the document: something that it tells has changed. One that is being made will not be kept either.
    pub fn clear(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Last { document: None, generation: last.generation + 1 };
    }

    /// The document; without one, the generation that a new one belongs to.
    pub fn get(&self, now: Timestamp) -> Result<String, u64> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &last.document {
            // A clock that was set back makes the document look newer than now: then it is of no use.
            Some((at, document)) if *at <= now && now <= at.after(MAX_AGE) => Ok(document.clone()),
            _ => Err(last.generation),
        }
    }

    /// Keeps a document made in this generation.
    pub fn set(&self, now: Timestamp, document: &str, generation: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.generation == generation {
            last.document = Some((now, document.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_age() {
        let status = LocalStatus::default();
        let generation = status.get(Timestamp(5_000_000)).unwrap_err();
        status.set(Timestamp(5_000_000), "three", generation);
        assert_eq!(status.get(Timestamp(6_000_000)).as_deref(), Ok("three"));
        assert!(status.get(Timestamp(6_000_001)).is_err());
        assert!(status.get(Timestamp(4_999_999)).is_err(), "the clock was set back");
        status.clear();
        assert!(status.get(Timestamp(5_000_000)).is_err());
        status.set(Timestamp(5_000_000), "three", generation);
        assert!(status.get(Timestamp(5_000_000)).is_err(), "it was made before the change");
    }
}
