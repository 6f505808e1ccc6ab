//! Runs: one linkage of a project's data at one threshold.

use std::fmt;
use std::str::FromStr;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waits for the parties' data.
    Created,
    /// All data are there; waits for a worker.
    Queued,
    /// Tasks are at work.
    Running,
    /// The result can be fetched.
    Completed,
    /// It failed; the run's message says why.
    Error,
}

impl RunState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Created, Self::Queued, Self::Running, Self::Completed, Self::Error];

    /// The name on the wire and in the metadata store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }

    /// Whether the state may change to `next`. States only go forward, and the last two are final.
    pub fn may_become(self, next: Self) -> bool {
        use RunState::{Completed, Created, Error, Queued, Running};
        matches!(
            (self, next),
            (Created, Queued | Error) | (Queued, Running | Error) | (Running, Completed | Error)
        )
    }

    /// Whether nothing more will happen to the run.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Error)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RunState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|s| s.name() == text);
        found.ok_or_else(|| format!("unknown run state {text:?}"))
    }
}

/// The part of a run that is at work, as the status shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// 1: not all parties have contributed.
    WaitingForClks = 1,
    /// 2: candidate pairs are searched.
    Compare = 2,
    /// 3: the candidates are solved into the result.
    Output = 3,
}

impl Stage {
    /// 1-based number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The stage of a number that the metadata store kept.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::WaitingForClks, Self::Compare, Self::Output]
            .into_iter()
            .find(|s| i64::from(s.number()) == number)
    }

    /// The stage that is shown of a run of so many stages. It follows from the run's state where that decides, so that neither ever
    /// goes back.
    pub fn shown(self, state: RunState, stages: u8) -> Self {
        match state {
            RunState::Created | RunState::Queued => Self::WaitingForClks,
            // A run that is being planned has all its data: the first stage is over.
            RunState::Running => self.max(Self::Compare),
            RunState::Error => self,
            RunState::Completed if stages == 2 => Self::Compare,
            RunState::Completed => Self::Output,
        }
    }

    /// The words that clients know.
    pub fn description(self) -> &'static str {
        match self {
            Self::WaitingForClks => "waiting for CLKs",
            Self::Compare => "compute similarity scores",
            Self::Output => "compute output",
        }
    }

    /// What the stage's progress counts.
    pub fn progress_description(self) -> &'static str {
        match self {
            Self::WaitingForClks => "number of parties already contributed",
            Self::Compare => "number of already computed similarity scores",
            Self::Output => "number of results written",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_only_go_forward() {
        for (i, from) in RunState::ALL.into_iter().enumerate() {
            for to in &RunState::ALL[..=i] {
                assert!(!from.may_become(*to), "{from} must not become {to}");
            }
            assert_eq!(from.is_final(), RunState::ALL.into_iter().all(|to| !from.may_become(to)));
            assert_eq!(from.name().parse(), Ok(from));
        }
    }
}
