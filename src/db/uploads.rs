//! Uploads: the one right of each update token, guarded by a lease, so that a broken upload never burns the token.

use std::time::Duration;

use async_trait::async_trait;

use super::{DbResult, Lease};
use crate::domain::{ProjectId, TokenDigest, UploadSummary};

/// Answer to the wish to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeginUpload {
    /// Go on; the lease must be renewed while data flow.
    Granted,
    /// Another upload with this token is under way.
    InProgress,
    /// This party's data have been accepted before.
    AlreadyUploaded,
    /// The project has been deleted meanwhile.
    Gone,
}

/// How an upload that reached its end turned out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The data are good. `strict`: whether a size other than the project's is refused (binary uploads) or turns the
    /// project to error (JSON uploads, whose clients expect that).
    Ready {
        /// What came.
        summary: UploadSummary,
        /// Refuse, rather than accept and turn to error, if the size isn't the project's.
        strict: bool,
    },
    /// The upload is accepted, and the project turns to error with this message.
    Error(String),
}

/// Answer to a finished upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishUpload {
    /// Accepted; `queued_runs` runs that waited for data start now.
    Accepted {
        /// Runs that were queued by this upload.
        queued_runs: usize,
    },
    /// Refused (strict): the project's encodings have another size, in bytes.
    WrongSize {
        /// Bytes per encoding that the project agreed on.
        wanted: usize,
    },
    /// The lease was lost: the project is gone, or another upload has taken over.
    LeaseLost,
}

/// Answer to an upload that names objects elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptExternal {
    /// An `ingest` task is enqueued.
    Accepted,
    /// The lease was lost: the project is gone, or another upload has taken over.
    LeaseLost,
}

/// Uploads in the metadata store.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Takes the right to upload for `ttl`. An upload whose lease has run out may be taken over.
    async fn begin_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<BeginUpload>;

    /// Extends the lease, and the protection of the objects registered with it; false if it was lost.
    async fn renew_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<bool>;

    /// Records the end of an upload. With `Verdict::Ready` the named objects become live; when this was the last party,
    /// all created runs are queued and their `plan` tasks enqueued. In all other cases the lease's objects are doomed.
    /// On `WrongSize` the token is free again.
    async fn finish_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        receipt: TokenDigest,
        verdict: &Verdict,
    ) -> DbResult<FinishUpload>;

    /// Gives the right back after a failure and dooms the lease's objects. Without effect if the lease was lost.
    async fn abandon_upload(&self, project: ProjectId, party: u16, lease: Lease) -> DbResult<()>;

    /// Accepts an upload whose data lie in an object store: the token is spent, the receipt valid, and an `ingest` task with
    /// this source enqueued. The source is kept until the task has ended; secrets in it must be sealed.
    async fn accept_external(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        receipt: TokenDigest,
        source: &str,
    ) -> DbResult<AcceptExternal>;
}
