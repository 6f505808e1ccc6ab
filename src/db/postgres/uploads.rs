//! Uploads and their leases.

use std::time::Duration;

use async_trait::async_trait;

use super::ingested::{agreed_size, make_ready, wrong_size};
use super::rows::{get, micros, params, parsed, text, to_json};
use super::transaction::Tx;
use super::transitions::{self, Source};
use super::{PostgresDb, audit};
use crate::db::ledger::LONGEST_LEASE;
use crate::db::uploads::{AcceptExternal, BeginUpload, FinishUpload, Uploads, Verdict};
use crate::db::{DbResult, Lease};
use crate::domain::audit::{Action, Event};
use crate::domain::{PartyState, ProjectId, TokenDigest, TokenKind};

/// One party of a project, and the lease that its upload holds.
#[derive(Clone, Copy)]
struct Upload<'a> {
    project: &'a str,
    party: u16,
    lease: Lease,
}

impl Upload<'_> {
    /// Moves an upload on to its end; false if the lease was lost.
    async fn end(&self, tx: &Tx, state: PartyState) -> DbResult<bool> {
        let sql = "UPDATE parties SET state = $4, lease = NULL, lease_expires = NULL,
                                      time_uploaded = CASE WHEN $5 THEN now_micros() END
                   WHERE project_id = $1 AND party = $2 AND lease = $3 AND state = 'uploading' RETURNING 1";
        let (party, lease) = (i64::from(self.party), self.lease.0.as_slice());
        // An upload that comes to nothing wasn't one.
        let accepted = state != PartyState::Waiting;
        Ok(!tx.query(sql, params![self.project, party, lease, state.name(), accepted]).await?.is_empty())
    }

    /// Whether the lease is good, which stays so until the transaction's end.
    async fn held(&self, tx: &Tx) -> DbResult<bool> {
        let sql = "SELECT 1 FROM parties
                   WHERE project_id = $1 AND party = $2 AND lease = $3 AND state = 'uploading' FOR UPDATE";
        let (party, lease) = (i64::from(self.party), self.lease.0.as_slice());
        Ok(tx.first(sql, params![self.project, party, lease]).await?.is_some())
    }

    /// Notes what the party did with its update token.
    async fn note(&self, tx: &Tx, action: Action) -> DbResult<()> {
        let actor = audit::holder(tx, self.project, TokenKind::Update { party: self.party }).await?;
        tx.note(Event::done(actor, action, self.project).detail("party", self.party));
        Ok(())
    }

    /// Notes that the upload was accepted, with the number of encodings if they have been read.
    async fn note_accepted(&self, tx: &Tx, encodings: Option<u32>) -> DbResult<()> {
        let actor = audit::holder(tx, self.project, TokenKind::Update { party: self.party }).await?;
        let event = Event::done(actor, Action::UploadAccepted, self.project).detail("party", self.party);
        tx.note(event.detail("encodings", encodings));
        Ok(())
    }

    async fn add_receipt(&self, tx: &Tx, receipt: TokenDigest) -> DbResult<()> {
        let sql = "INSERT INTO tokens (digest, project_id, kind, party) VALUES ($1, $2, 'receipt', $3)";
        tx.run(sql, params![receipt.0.as_slice(), self.project, i64::from(self.party)]).await
    }

    /// Takes the right, if it is free.
    async fn begin(&self, tx: &Tx, ttl: i64) -> DbResult<BeginUpload> {
        let sql = "SELECT state, lease, lease_expires BETWEEN now_micros() AND now_micros() + $3 AS fresh FROM parties
                   WHERE project_id = $1 AND party = $2 AND NOT EXISTS (
                       SELECT FROM projects WHERE id = $1 AND expires <= now_micros()) FOR UPDATE";
        let (party, lease) = (i64::from(self.party), self.lease.0.as_slice());
        let Some(row) = tx.first(sql, params![self.project, party, micros(LONGEST_LEASE)]).await? else {
            return Ok(BeginUpload::Gone);
        };
        match (parsed(&row, "state")?, get(&row, "fresh")?) {
            (PartyState::Waiting, _) | (PartyState::Uploading, Some(false) | None) => {}
            (PartyState::Uploading, Some(true)) => return Ok(BeginUpload::InProgress),
            _ => return Ok(BeginUpload::AlreadyUploaded),
        }
        let sql = "UPDATE parties SET state = 'uploading', lease = $3, lease_expires = now_micros() + $4
                   WHERE project_id = $1 AND party = $2";
        tx.run(sql, params![self.project, party, lease, ttl]).await?;
        if let Some(stale) = get::<Option<&[u8]>>(&row, "lease")? {
            transitions::doom_objects_of(tx, stale).await?;
        }
        self.note(tx, Action::UploadBegun).await?;
        Ok(BeginUpload::Granted)
    }

    /// Gives the right back, and dooms what was written.
    async fn abandon(&self, tx: &Tx, why: Action) -> DbResult<()> {
        if self.end(tx, PartyState::Waiting).await? {
            self.note(tx, why).await?;
        }
        transitions::doom_objects_of(tx, &self.lease.0).await
    }

    async fn finish(&self, tx: &Tx, receipt: TokenDigest, verdict: &Verdict) -> DbResult<FinishUpload> {
        let Self { project, party, lease } = *self;
        let now = tx.lock_project(project).await?;
        if transitions::has_expired(tx, project).await? || !self.held(tx).await? {
            transitions::doom_objects_of(tx, &lease.0).await?;
            return Ok(FinishUpload::LeaseLost);
        }
        let error = match verdict {
            Verdict::Error(message) => text(message),
            Verdict::Ready { summary, strict } => match agreed_size(tx, project).await? {
                Some(wanted) if wanted != summary.size && *strict => {
                    self.abandon(tx, Action::UploadRefused).await?;
                    return Ok(FinishUpload::WrongSize { wanted });
                }
                Some(wanted) if wanted != summary.size => wrong_size(party, summary.size, wanted),
                _ => {
                    if !make_ready(tx, project, party, lease, summary).await? {
                        // Back to waiting rather than half done: the client hears that its upload failed and tries again.
                        self.abandon(tx, Action::UploadFailed).await?;
                        return Ok(FinishUpload::LeaseLost);
                    }
                    self.add_receipt(tx, receipt).await?;
                    self.note_accepted(tx, Some(summary.count)).await?;
                    let queued_runs = transitions::queue_runs_if_complete(tx, project, now).await?;
                    return Ok(FinishUpload::Accepted { queued_runs });
                }
            },
        };
        self.end(tx, PartyState::Error).await?;
        self.note(tx, Action::UploadFailed).await?;
        self.add_receipt(tx, receipt).await?;
        transitions::fail_project(tx, project, &error, now).await?;
        transitions::doom_objects_of(tx, &lease.0).await?;
        Ok(FinishUpload::Accepted { queued_runs: 0 })
    }

    async fn accept(&self, tx: &Tx, receipt: TokenDigest, payload: &str) -> DbResult<AcceptExternal> {
        let now = tx.lock_project(self.project).await?;
        if transitions::has_expired(tx, self.project).await? || !self.end(tx, PartyState::Ingesting).await? {
            return Ok(AcceptExternal::LeaseLost);
        }
        self.add_receipt(tx, receipt).await?;
        self.note_accepted(tx, None).await?;
        transitions::enqueue_ingest(tx, self.project, payload, now).await?;
        transitions::doom_objects_of(tx, &self.lease.0).await?;
        Ok(AcceptExternal::Accepted)
    }
}

#[async_trait]
impl Uploads for PostgresDb {
    async fn begin_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<BeginUpload> {
        let project = project.to_string();
        let upload = Upload { project: &project, party, lease };
        self.transaction("begin_upload", |tx| async move { upload.begin(&tx, micros(ttl)).await }).await
    }

    async fn renew_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<bool> {
        let sql = "
            WITH held AS (
                UPDATE parties SET lease_expires = now_micros() + $4
                WHERE project_id = $1 AND party = $2 AND lease = $3 RETURNING lease_expires),
            kept AS (
                UPDATE objects SET expires = held.lease_expires FROM held WHERE name IN (
                    SELECT name FROM objects WHERE lease = $3 ORDER BY name FOR UPDATE))
            SELECT lease_expires FROM held";
        let (project, party) = (project.to_string(), i64::from(party));
        let (lease, ttl) = (lease.0.as_slice(), micros(ttl));
        let values = params![project, party, lease, ttl];
        Ok(self.first(sql, values).await?.is_some())
    }

    async fn finish_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        receipt: TokenDigest,
        verdict: &Verdict,
    ) -> DbResult<FinishUpload> {
        let project = project.to_string();
        let upload = Upload { project: &project, party, lease };
        self.transaction("finish_upload", |tx| async move { upload.finish(&tx, receipt, verdict).await })
            .await
    }

    async fn abandon_upload(&self, project: ProjectId, party: u16, lease: Lease) -> DbResult<()> {
        let project = project.to_string();
        let upload = Upload { project: &project, party, lease };
        self.transaction(
            "abandon_upload",
            |tx| async move { upload.abandon(&tx, Action::UploadFailed).await },
        )
        .await
    }

    async fn accept_external(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        receipt: TokenDigest,
        source: &str,
    ) -> DbResult<AcceptExternal> {
        let project = project.to_string();
        let payload = to_json(&Source { party, source: source.to_owned() })?;
        let (upload, payload) = (Upload { project: &project, party, lease }, payload.as_str());
        self.transaction("accept_external", |tx| async move { upload.accept(&tx, receipt, payload).await })
            .await
    }
}
