//! Tasks: the pieces of a run that workers take from the ledger.
//!
//! A run goes `plan` → `compare` × n → `finish`. The payloads are stored as JSON with a version, so that a newer worker can
//! read an older one's tasks while both are at work during an upgrade.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Version of the payloads below; raised when their meaning changes.
pub const PAYLOAD_VERSION: u16 = 2;

/// How this version cuts common blocks into batches; raised when the same blocks are cut otherwise, since a task names its
/// batch by number. The first had no number.
pub const BLOCK_CUT: u16 = 2;

fn first_cut() -> u16 {
    1
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// Brings in a party's data that were left in an object store.
    Ingest,
    /// Works out a run's comparisons.
    Plan,
    /// Searches the candidate pairs of one part of a comparison.
    Compare,
    /// Merges the candidates and solves them into the run's result.
    Finish,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Plan, Self::Compare, Self::Finish];

    /// The name in the metadata store and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Plan => "plan",
            Self::Compare => "compare",
            Self::Finish => "finish",
        }
    }

    /// The queue that such tasks wait in.
    pub fn queue(self) -> Queue {
        match self {
            Self::Ingest | Self::Plan => Queue::Default,
            Self::Compare => Queue::Compute,
            Self::Finish => Queue::HighMemory,
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TaskKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| format!("unknown task kind {text:?}"))
    }
}

/// Where tasks wait, so that an operator can give each sort its own workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// Short work.
    Default,
    /// Comparisons: all cores, little memory.
    Compute,
    /// Merging and solving: one core, more memory.
    HighMemory,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 3] = [Self::Default, Self::Compute, Self::HighMemory];

    /// The name in the metadata store and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Compute => "compute",
            Self::HighMemory => "highmemory",
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Queue {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|q| q.name() == text);
        found.ok_or_else(|| format!("unknown queue {text:?}: known are default, compute and highmemory"))
    }
}

/// One part of a comparison: what a `compare` task searches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Part {
    /// All pairs of two row ranges, `start` inclusive, `end` exclusive.
    Rows {
        /// Index of the first party.
        party0: u16,
        /// Index of the second party, greater than `party0`.
        party1: u16,
        /// Rows of the first party.
        rows0: (u32, u32),
        /// Rows of the second party.
        rows1: (u32, u32),
    },
    /// Pairs that share a block: one batch of the blocks that two parties have in common.
    Blocks {
        /// Index of the first party.
        party0: u16,
        /// Index of the second party, greater than `party0`.
        party1: u16,
        /// Comparisons per batch that the common blocks were cut by.
        target: u64,
        /// Position of the batch in that cut.
        batch: u32,
        /// Which way of cutting: [`BLOCK_CUT`].
        #[serde(default = "first_cut")]
        cut: u16,
    },
}

/// A part with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPart {
    /// What to compare.
    pub part: Part,
    /// How many comparisons that is.
    pub comparisons: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive() {
        for kind in TaskKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        for queue in Queue::ALL {
            assert_eq!(queue.name().parse(), Ok(queue));
        }
        assert!("celery".parse::<Queue>().is_err());
    }

    #[test]
    fn payloads_have_a_stable_form() {
        let part = Part::Rows { party0: 0, party1: 1, rows0: (0, 10), rows1: (5, 9) };
        let json = r#"{"by":"rows","party0":0,"party1":1,"rows0":[0,10],"rows1":[5,9]}"#;
        assert_eq!(serde_json::to_string(&part).unwrap(), json);
        assert_eq!(serde_json::from_str::<Part>(json).unwrap(), part);
    }
}
