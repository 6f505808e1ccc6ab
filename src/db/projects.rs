//! Projects and who may do what with them.

use async_trait::async_trait;

use super::{DbResult, ListPage};
use crate::domain::{
    NewProject, PartyReport, PartyState, PermutationPositions, ProjectId, ResultType, Timestamp, TokenDigest,
    TokenKind,
};

/// A project as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectRecord {
    /// Its identifier.
    pub id: ProjectId,
    /// A name for people.
    pub name: String,
    /// Notes for people.
    pub notes: String,
    /// The linkage schema as the creator sent it.
    pub schema: serde_json::Value,
    /// What its runs give.
    pub result_type: ResultType,
    /// How many parties upload.
    pub parties: u16,
    /// Whether uploads carry block ids.
    pub uses_blocking: bool,
    /// How far positions of permutations reach.
    pub permutation_positions: PermutationPositions,
    /// Bytes per encoding, once the schema or the first upload has said so.
    pub encoding_size: Option<usize>,
    /// Parties whose data are ready.
    pub parties_contributed: u16,
    /// Why the project is in error, if it is.
    pub error: Option<String>,
    /// What was odd about uploads and yet no error, by party.
    pub warnings: Vec<(u16, String)>,
    /// When it was created.
    pub time_added: Timestamp,
    /// When it will be deleted, if ever.
    pub expires: Option<Timestamp>,
}

/// One party's data as a worker needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyRecord {
    /// Position in the project.
    pub index: u16,
    /// Where its upload stands.
    pub state: PartyState,
    /// Encodings, once ready.
    pub count: u32,
    /// Object of the encoding file, once ready.
    pub encodings_object: Option<String>,
    /// Object of the block file, once ready, with blocking.
    pub blocks_object: Option<String>,
    /// Digest of the encodings, once ready.
    pub digest: Option<[u8; 32]>,
    /// When its upload was accepted, unless that was by an older version.
    pub time_uploaded: Option<Timestamp>,
    /// What was odd about it and yet no error.
    pub warnings: Vec<String>,
    /// What it looks like as a whole, unless it was uploaded to an older version.
    pub report: Option<PartyReport>,
}

/// Projects in the metadata store.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Stores a new project with the digests of its tokens: one update token per party, in party order. Returns when it will
    /// expire, if ever. From then on it is as good as deleted: nobody is authorized, nothing is accepted, and it isn't listed.
    async fn create_project(
        &self,
        id: ProjectId,
        project: &NewProject,
        update_tokens: &[TokenDigest],
        result_token: TokenDigest,
    ) -> DbResult<Option<Timestamp>>;

    /// Number of projects.
    async fn count_projects(&self) -> DbResult<u64>;

    /// Identifiers and creation times, oldest first, of a part of all projects.
    async fn list_projects(&self, page: ListPage) -> DbResult<Vec<(ProjectId, Timestamp)>>;

    /// A project, unless it doesn't exist.
    async fn project(&self, id: ProjectId) -> DbResult<Option<ProjectRecord>>;

    /// The project's parties in order; empty if it doesn't exist.
    async fn parties(&self, id: ProjectId) -> DbResult<Vec<PartyRecord>>;

    /// What a token is good for in this project; `None` if the project doesn't exist or the token isn't one of its own.
    async fn authorize(&self, id: ProjectId, token: TokenDigest) -> DbResult<Option<TokenKind>>;

    /// Removes the project and all that hangs on it; its objects are left to the sweeper. False if there was none.
    async fn delete_project(&self, id: ProjectId) -> DbResult<bool>;

    /// At most `limit` projects that have expired and are still there.
    async fn expired_projects(&self, limit: usize) -> DbResult<Vec<ProjectId>>;

    /// Removes a project that has expired, just as [`Self::delete_project`] does. False if there is none, or not yet.
    async fn expire_project(&self, id: ProjectId) -> DbResult<bool>;

    /// Makes what was deleted unreadable in the store's own files, as far as that takes more than deleting.
    async fn scrub(&self) -> DbResult<()> {
        Ok(())
    }
}
