//! The words of the trade as types: identifiers, tokens, projects, parties, runs and tasks, and which change of state
//! is allowed. Pure: no I/O, no clock, no randomness of its own; those are passed in.

pub mod audit;
pub mod ids;
pub mod party;
pub mod progress;
pub mod project;
pub mod random;
pub mod report;
pub mod run;
pub mod task;
pub mod time;
pub mod token;

pub use ids::{ComparisonId, ProjectId, RunId, TaskId};
pub use party::{PartyState, UploadSummary};
pub use project::{NewProject, PermutationPositions, ProjectError, ResultType};
pub use random::{Random, random_bytes};
pub use report::{PartyReport, ScoreHistogram};
pub use run::{RunState, Stage};
pub use task::{Queue, TaskKind};
pub use time::{Clock, Timestamp};
pub use token::{Token, TokenDigest, TokenKind};
