//! Projects: what a linkage is about, and which requests for one make sense.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::audit::Actor;
use crate::matching::permutation::Positions;

/// The most parties that one project may have. Every pair of parties is compared, so the work grows with its square.
pub const MAX_PARTIES: u16 = crate::matching::key::MAX_PARTIES as u16;

/// Characters of a value that errors show: enough to know it again, and too few for a token that strayed there.
const SHOWN: usize = 12;

/// What the analysts get from a project's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultType {
    /// Groups of records that belong to one person.
    Groups,
    /// A random new order of each party's rows, and a mask that tells which positions match.
    Permutations,
    /// All candidate pairs with their scores.
    SimilarityScores,
}

impl ResultType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Permutations => "permutations",
            Self::SimilarityScores => "similarity_scores",
        }
    }

    /// Stages of a run: waiting, comparing and, unless the candidates are themselves the result, solving.
    pub fn stages(self) -> u8 {
        match self {
            Self::SimilarityScores => 2,
            Self::Groups | Self::Permutations => 3,
        }
    }
}

/// How far the positions of a project's permutations reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PermutationPositions {
    /// As far as the smaller party's rows do: the form of the Anonlink Entity Service. It tells the larger party of some of its rows that
    /// they match nothing.
    #[default]
    Smaller,
    /// As far as the larger party's rows do.
    Larger,
}

impl PermutationPositions {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smaller => "smaller",
            Self::Larger => "larger",
        }
    }
}

impl FromStr for PermutationPositions {
    type Err = ProjectError;
    fn from_str(text: &str) -> Result<Self, ProjectError> {
        [Self::Smaller, Self::Larger]
            .into_iter()
            .find(|positions| positions.name() == text)
            .ok_or_else(|| ProjectError::PermutationPositions(text.chars().take(SHOWN).collect()))
    }
}

impl From<PermutationPositions> for Positions {
    fn from(positions: PermutationPositions) -> Self {
        match positions {
            PermutationPositions::Smaller => Self::Smaller,
            PermutationPositions::Larger => Self::Larger,
        }
    }
}

impl fmt::Display for ResultType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ResultType {
    type Err = ProjectError;
    fn from_str(text: &str) -> Result<Self, ProjectError> {
        [Self::Groups, Self::Permutations, Self::SimilarityScores]
            .into_iter()
            .find(|t| t.name() == text)
            .ok_or_else(|| ProjectError::ResultType(text.chars().take(SHOWN).collect()))
    }
}

/// Why a project can't be made as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProjectError {
    /// An unknown result type.
    #[error("result_type must be \"groups\", \"permutations\" or \"similarity_scores\", not {0:?}")]
    ResultType(String),
    /// An unknown form of permutations.
    #[error("permutation_positions must be \"smaller\" or \"larger\", not {0:?}")]
    PermutationPositions(String),
    /// Too few or too many parties.
    #[error("number_parties must be from 2 to {MAX_PARTIES}, not {0}")]
    Parties(i64),
    /// A result type for two parties only.
    #[error("result_type {0} is for two parties; with {1} parties it must be \"groups\"")]
    TwoPartiesOnly(ResultType, u16),
}

/// A checked request for a project.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProject {
    /// The linkage schema as the creator sent it; opaque save for `clkConfig.l`.
    pub schema: serde_json::Value,
    /// What the runs give.
    pub result_type: ResultType,
    /// How many parties upload.
    pub parties: u16,
    /// A name for people.
    pub name: String,
    /// Notes for people.
    pub notes: String,
    /// Whether uploads carry block ids.
    pub uses_blocking: bool,
    /// How far positions of permutations reach.
    pub permutation_positions: PermutationPositions,
    /// How long it lives; for ever without.
    pub expires_in: Option<Duration>,
    /// Who creates it.
    pub creator: Actor,
}

impl NewProject {
    /// Checks how many parties go with which result type.
    ///
    /// # Errors
    /// [`ProjectError`] says what is wrong and what would be right.
    pub fn check_parties(number: i64, result_type: ResultType) -> Result<u16, ProjectError> {
        let parties = u16::try_from(number).ok().filter(|n| (2..=MAX_PARTIES).contains(n));
        let parties = parties.ok_or(ProjectError::Parties(number))?;
        match parties > 2 && result_type != ResultType::Groups {
            true => Err(ProjectError::TwoPartiesOnly(result_type, parties)),
            false => Ok(parties),
        }
    }

    /// Bytes per encoding that the schema promises (`clkConfig.l` bits / 8), if it does.
    pub fn promised_size(&self) -> Option<PromisedSize> {
        promised_size(&self.schema)
    }
}

/// The encoding size that a schema promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromisedSize {
    /// `clkConfig.l`: bits per encoding.
    pub bits: u64,
}

impl PromisedSize {
    /// Whether encodings of `bytes` bytes keep the promise.
    pub fn is_kept_by(self, bytes: usize) -> bool {
        self.bits == bytes as u64 * 8
    }
}

/// Reads `clkConfig.l` of a linkage schema; `None` if it isn't there or no whole number.
pub fn promised_size(schema: &serde_json::Value) -> Option<PromisedSize> {
    schema.get("clkConfig")?.get("l")?.as_u64().map(|bits| PromisedSize { bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_types_have_stable_names() {
        for t in [ResultType::Groups, ResultType::Permutations, ResultType::SimilarityScores] {
            assert_eq!(t.name().parse::<ResultType>(), Ok(t));
            assert_eq!(serde_json::to_value(t).unwrap(), t.name());
        }
        assert!("mapping".parse::<ResultType>().is_err());
        for positions in [PermutationPositions::Smaller, PermutationPositions::Larger] {
            assert_eq!(positions.name().parse(), Ok(positions));
            assert_eq!(serde_json::to_value(positions).unwrap(), positions.name());
        }
        assert!("".parse::<PermutationPositions>().is_err());
    }

    #[test]
    fn more_than_two_parties_are_for_groups() {
        assert_eq!(NewProject::check_parties(5, ResultType::Groups), Ok(5));
        assert_eq!(NewProject::check_parties(2, ResultType::Permutations), Ok(2));
        assert!(NewProject::check_parties(3, ResultType::Permutations).is_err());
        for bad in [-1, 0, 1, i64::from(MAX_PARTIES) + 1, i64::MAX] {
            assert_eq!(NewProject::check_parties(bad, ResultType::Groups), Err(ProjectError::Parties(bad)));
        }
    }

    #[test]
    fn the_schema_may_promise_a_size() {
        let schema = serde_json::json!({"clkConfig": {"l": 1024}});
        assert!(promised_size(&schema).unwrap().is_kept_by(128));
        assert!(!promised_size(&schema).unwrap().is_kept_by(64));
        assert_eq!(promised_size(&serde_json::json!({"clkConfig": {"l": "x"}})), None);
        assert_eq!(promised_size(&serde_json::json!({})), None);
    }
}
