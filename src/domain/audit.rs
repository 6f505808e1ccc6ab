//! What the audit trail records: who did what to which project, and how it went.
//!
//! Nothing here can hold a token, a name, a note, an address or an encoding: the words are fixed, identifiers are random, and the
//! details are numbers and fixed words.

use std::fmt;

use serde_json::{Map, Value};

use super::{ProjectId, RunId, TokenDigest, TokenKind};

/// The first four bytes of a token's SHA-256 digest: enough to tell a project's tokens apart, and no way back to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenPrefix(pub [u8; 4]);

impl TokenPrefix {
    /// The start of a digest.
    pub fn of(digest: &[u8; 32]) -> Self {
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl From<TokenDigest> for TokenPrefix {
    fn from(digest: TokenDigest) -> Self {
        Self::of(&digest.0)
    }
}

/// Eight hex characters.
impl fmt::Display for TokenPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Whose doing something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActorKind {
    /// The service itself.
    Service,
    /// The operator, by the operator's token.
    Operator,
    /// Anybody, where no token is asked for.
    Anyone,
    /// The project's creator.
    Result,
    /// A party that uploads.
    Update,
    /// A party that has uploaded.
    Receipt,
    /// Somebody with a token that gives no right there.
    Unknown,
    /// Somebody without a token where one is needed.
    Nobody,
}

impl ActorKind {
    /// The word in the trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Operator => "operator",
            Self::Anyone => "anyone",
            Self::Result => "result",
            Self::Update => "update",
            Self::Receipt => "receipt",
            Self::Unknown => "unknown",
            Self::Nobody => "nobody",
        }
    }
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// By which right.
    pub kind: ActorKind,
    /// By which token, if one was presented that has a token's form.
    pub token: Option<TokenPrefix>,
}

impl Actor {
    /// The service itself.
    pub const SERVICE: Self = Self { kind: ActorKind::Service, token: None };
    /// Anybody, where no token is asked for.
    pub const ANYONE: Self = Self { kind: ActorKind::Anyone, token: None };

    /// The holder of a project's token.
    pub fn holder(kind: TokenKind, token: Option<TokenPrefix>) -> Self {
        let kind = match kind {
            TokenKind::Update { .. } => ActorKind::Update,
            TokenKind::Result => ActorKind::Result,
            TokenKind::Receipt { .. } => ActorKind::Receipt,
        };
        Self { kind, token }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$each])* $variant),* }

        impl $name {
            /// The word in the trail.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

words! {
    /// What was done.
    Action {
        /// A project was created: the first row of its chain.
        ProjectCreated = "project.created",
        /// A project was deleted by its creator: the last row of its chain.
        ProjectDeleted = "project.deleted",
        /// A project had reached its end and was deleted by the service: the last row of its chain.
        ProjectExpired = "project.expired",
        /// The chain of a project began that is older than the trail (in the server's chain).
        ChainBegun = "chain.begun",
        /// A party began to upload.
        UploadBegun = "upload.begun",
        /// An upload was accepted.
        UploadAccepted = "upload.accepted",
        /// An upload broke off, or its data were no good.
        UploadFailed = "upload.failed",
        /// An upload's data were good, but not what the project takes.
        UploadRefused = "upload.refused",
        /// A worker brought in the data that an upload named.
        UploadIngested = "upload.ingested",
        /// A party was lent credentials to put its data into an object store.
        UploadGranted = "upload.granted",
        /// A run was created.
        RunCreated = "run.created",
        /// A run was deleted, and stopped if it had not ended.
        RunDeleted = "run.deleted",
        /// A run has its result.
        RunCompleted = "run.completed",
        /// A run ended in an error.
        RunFailed = "run.failed",
        /// A result was handed out.
        ResultRead = "result.read",
        /// Credentials to fetch a result from an object store were handed out.
        ResultGranted = "result.granted",
        /// Requests were refused for want of a right.
        RequestRefused = "request.refused",
    }
}

impl Action {
    /// Whether this is the end of a project and of its chain.
    pub fn ends_project(self) -> bool {
        matches!(self, Self::ProjectDeleted | Self::ProjectExpired)
    }
}

words! {
    /// How it went.
    Outcome {
        /// It was done.
        Ok = "ok",
        /// It was tried and failed.
        Failed = "failed",
        /// It was not allowed.
        Refused = "refused",
    }
}

/// Something that the trail is to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// How it went.
    pub outcome: Outcome,
    /// The project, by its identifier's text. A refusal may name one that doesn't exist: then it is recorded without.
    pub project: Option<String>,
    /// The run, by its identifier's text.
    pub run: Option<String>,
    /// Numbers and fixed words.
    pub details: Map<String, Value>,
}

impl Event {
    /// Something that was done to a project.
    pub fn done(actor: Actor, action: Action, project: impl Into<String>) -> Self {
        let outcome = match action {
            Action::UploadFailed | Action::RunFailed => Outcome::Failed,
            Action::UploadRefused | Action::RequestRefused => Outcome::Refused,
            _ => Outcome::Ok,
        };
        Self { actor, action, outcome, project: Some(project.into()), run: None, details: Map::new() }
    }

    /// The same, about one run.
    pub fn run(mut self, run: impl Into<String>) -> Self {
        self.run = Some(run.into());
        self
    }

    /// The same, with one more detail.
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Something that was handed out to the holder of one of a project's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The project.
    pub project: ProjectId,
    /// The run, where it was a result.
    pub run: Option<RunId>,
    /// The right by which it was asked for.
    pub by: TokenKind,
    /// What was handed out.
    pub action: Action,
}

/// Requests that were refused in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refusal {
    /// The project that the path named, if it had an identifier's form.
    pub project: Option<ProjectId>,
    /// Who asked, as far as a token tells.
    pub actor: Actor,
    /// Method and template of the route.
    pub route: String,
    /// Why, in a fixed word.
    pub reason: &'static str,
}

impl Refusal {
    /// The event of so many of them.
    pub fn event(&self, count: u64) -> Event {
        Event {
            actor: self.actor,
            action: Action::RequestRefused,
            outcome: Outcome::Refused,
            project: self.project.map(|project| project.to_string()),
            run: None,
            details: Map::new(),
        }
        .detail("count", count)
        .detail("reason", self.reason)
        .detail("route", self.route.as_str())
    }
}
