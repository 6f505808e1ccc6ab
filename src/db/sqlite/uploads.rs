//! Uploads and their leases.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::projects::has_expired;
use super::rows::{collect, first, number, parsed, to_json, value};
use super::transitions::{NewTask, Source};
use super::{SqliteDb, audit, transitions};
use crate::db::ledger::LONGEST_LEASE;
use crate::db::uploads::{AcceptExternal, BeginUpload, FinishUpload, Uploads, Verdict};
use crate::db::{DbResult, Lease};
use crate::domain::audit::{Action, Actor, Event, Outcome};
use crate::domain::{PartyState, ProjectId, TaskKind, Timestamp, TokenDigest, TokenKind, UploadSummary};

/// Frees every upload under way: the one process that takes uploads is known to have died.
pub(super) fn release_all(tx: &Connection, now: i64) -> DbResult<()> {
    let sql = "SELECT project_id, party FROM parties WHERE state = 'uploading'";
    let broken =
        collect(tx, sql, [], |row| Ok((row.get::<_, String>("project_id")?, number::<u16>(row, "party")?)))?;
    tx.execute(
        "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL
         WHERE lease IN (SELECT lease FROM parties WHERE state = 'uploading')",
        [],
    )?;
    let sql =
        "UPDATE parties SET state = 'waiting', lease = NULL, lease_expires = NULL WHERE state = 'uploading'";
    tx.execute(sql, [])?;
    for (project, party) in broken {
        let event = Event::done(Actor::SERVICE, Action::UploadFailed, project).detail("party", party);
        audit::append(tx, &event, now)?;
    }
    Ok(())
}

/// Records what a party did with its update token.
fn note(tx: &Connection, project: &str, party: u16, action: Action, now: i64) -> DbResult<()> {
    let actor = audit::holder(tx, project, TokenKind::Update { party })?;
    audit::append(tx, &Event::done(actor, action, project).detail("party", party), now)
}

/// Records that an upload was accepted, with the number of encodings if they have been read.
fn note_accepted(
    tx: &Connection,
    project: &str,
    party: u16,
    encodings: Option<u32>,
    now: i64,
) -> DbResult<()> {
    let actor = audit::holder(tx, project, TokenKind::Update { party })?;
    let event = Event::done(actor, Action::UploadAccepted, project).detail("party", party);
    audit::append(tx, &event.detail("encodings", encodings), now)
}

/// Records what came of bringing in a party's data: how many encodings there are, if they are good.
pub(super) fn note_ingested(
    tx: &Connection,
    project: &str,
    party: u16,
    encodings: Option<u32>,
    now: i64,
) -> DbResult<()> {
    let mut event = Event::done(Actor::SERVICE, Action::UploadIngested, project).detail("party", party);
    if encodings.is_none() {
        event.outcome = Outcome::Failed;
    }
    audit::append(tx, &event.detail("encodings", encodings), now)
}

/// Moves an upload on to its end; false if the lease was lost.
fn end(
    tx: &Connection,
    project: &str,
    party: u16,
    lease: Lease,
    state: PartyState,
    now: i64,
) -> DbResult<bool> {
    let sql = "UPDATE parties SET state = ?4, lease = NULL, lease_expires = NULL, time_uploaded = ?5
               WHERE project_id = ?1 AND party = ?2 AND lease = ?3 AND state = 'uploading'";
    // An upload that comes to nothing wasn't one.
    let accepted = (state != PartyState::Waiting).then_some(now);
    Ok(tx.prepare_cached(sql)?.execute(params![project, party, lease.0, state.name(), accepted])? == 1)
}

fn held(tx: &Connection, project: &str, party: u16, lease: Lease) -> DbResult<bool> {
    let sql =
        "SELECT 1 FROM parties WHERE project_id = ?1 AND party = ?2 AND lease = ?3 AND state = 'uploading'";
    Ok(value::<i64>(tx, sql, params![project, party, lease.0])?.is_some())
}

/// Makes a party ready with its data, whose objects were written under this lease; false, and nothing is changed, if one of them has
/// been swept.
pub(super) fn make_ready(
    tx: &Connection,
    project: &str,
    party: u16,
    lease: Lease,
    summary: &UploadSummary,
    now: i64,
) -> DbResult<bool> {
    if !transitions::enliven_objects(tx, &summary.objects(), &lease.0)? {
        return Ok(false);
    }
    let sql =
        "UPDATE parties SET state = 'ready', lease = NULL, lease_expires = NULL, encodings = ?3, digest = ?4,
                                  encodings_object = ?5, blocks_object = ?6, warnings = ?7,
                                  report = ?8, time_uploaded = coalesce(time_uploaded, ?9)
               WHERE project_id = ?1 AND party = ?2 AND state IN ('uploading', 'ingesting')";
    let changed = tx.prepare_cached(sql)?.execute(params![
        project,
        party,
        summary.count,
        summary.digest,
        summary.encodings_object,
        summary.blocks_object,
        to_json(&summary.warnings)?,
        summary.report.as_ref().map(to_json).transpose()?,
        now
    ])?;
    if changed == 1 {
        let sql = "UPDATE projects SET encoding_size = ?2 WHERE id = ?1 AND encoding_size IS NULL";
        tx.prepare_cached(sql)?.execute(params![project, summary.size as i64])?;
    }
    Ok(changed == 1)
}

/// Bytes per encoding that the project has agreed on.
fn agreed_size(tx: &Connection, project: &str) -> DbResult<Option<usize>> {
    let sql = "SELECT encoding_size FROM projects WHERE id = ?1";
    Ok(value::<Option<i64>>(tx, sql, [project])?.flatten().and_then(|n| usize::try_from(n).ok()))
}

/// What a project's error says of a party whose encodings have another size than those before.
fn wrong_size(party: u16, found: usize, wanted: usize) -> String {
    format!(
        "party {party} uploaded encodings of {found} bytes, but this project's encodings have {wanted} bytes"
    )
}

/// Records what an `ingest` task found, under the task's lease; false if an object has been swept.
pub(super) fn ingested(
    tx: &Connection,
    project: &str,
    party: u16,
    lease: Lease,
    verdict: &Verdict,
    now: i64,
) -> DbResult<bool> {
    let error = match verdict {
        Verdict::Error(message) => message.clone(),
        Verdict::Ready { summary, .. } => match agreed_size(tx, project)? {
            Some(wanted) if wanted != summary.size => wrong_size(party, summary.size, wanted),
            _ => {
                let ready = make_ready(tx, project, party, lease, summary, now)?;
                if ready {
                    note_ingested(tx, project, party, Some(summary.count), now)?;
                    transitions::queue_runs_if_complete(tx, project, now)?;
                }
                return Ok(ready);
            }
        },
    };
    transitions::fail_party(tx, project, party, &error, now)?;
    Ok(true)
}

fn add_receipt(tx: &Connection, project: &str, party: u16, receipt: TokenDigest) -> DbResult<()> {
    tx.prepare_cached("INSERT INTO tokens (digest, project_id, kind, party) VALUES (?1, ?2, 'receipt', ?3)")?
        .execute(params![receipt.0, project, party])?;
    Ok(())
}

fn finish(
    tx: &Connection,
    project: &str,
    party: u16,
    lease: Lease,
    receipt: TokenDigest,
    verdict: &Verdict,
    now: i64,
) -> DbResult<FinishUpload> {
    if has_expired(tx, project, now)? || !held(tx, project, party, lease)? {
        transitions::doom_objects_of(tx, &lease.0)?;
        return Ok(FinishUpload::LeaseLost);
    }
    let error = match verdict {
        Verdict::Error(message) => message.clone(),
        Verdict::Ready { summary, strict } => match agreed_size(tx, project)? {
            Some(wanted) if wanted != summary.size && *strict => {
                end(tx, project, party, lease, PartyState::Waiting, now)?;
                transitions::doom_objects_of(tx, &lease.0)?;
                note(tx, project, party, Action::UploadRefused, now)?;
                return Ok(FinishUpload::WrongSize { wanted });
            }
            Some(wanted) if wanted != summary.size => wrong_size(party, summary.size, wanted),
            _ => {
                if !make_ready(tx, project, party, lease, summary, now)? {
                    // Back to waiting rather than half done: the client hears that its upload failed and tries again.
                    end(tx, project, party, lease, PartyState::Waiting, now)?;
                    transitions::doom_objects_of(tx, &lease.0)?;
                    note(tx, project, party, Action::UploadFailed, now)?;
                    return Ok(FinishUpload::LeaseLost);
                }
                add_receipt(tx, project, party, receipt)?;
                note_accepted(tx, project, party, Some(summary.count), now)?;
                let queued_runs = transitions::queue_runs_if_complete(tx, project, now)?;
                return Ok(FinishUpload::Accepted { queued_runs });
            }
        },
    };
    end(tx, project, party, lease, PartyState::Error, now)?;
    transitions::doom_objects_of(tx, &lease.0)?;
    note(tx, project, party, Action::UploadFailed, now)?;
    transitions::fail_project(tx, project, &error, now)?;
    add_receipt(tx, project, party, receipt)?;
    Ok(FinishUpload::Accepted { queued_runs: 0 })
}

#[async_trait]
impl Uploads for SqliteDb {
    async fn begin_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<BeginUpload> {
        self.write(move |tx, now| {
            let project = project.to_string();
            if has_expired(tx, &project, now)? {
                return Ok(BeginUpload::Gone);
            }
            let sql = "SELECT state, lease, lease_expires FROM parties WHERE project_id = ?1 AND party = ?2";
            let found = first(tx, sql, params![project, party], |row| {
                let state: PartyState = parsed(row, "state")?;
                Ok((state, row.get::<_, Option<Vec<u8>>>("lease")?, row.get::<_, Option<i64>>("lease_expires")?))
            })?;
            let longest = Timestamp(now).after(LONGEST_LEASE).0;
            match found {
                None => return Ok(BeginUpload::Gone),
                Some((PartyState::Ingesting | PartyState::Ready | PartyState::Error, ..)) => return Ok(BeginUpload::AlreadyUploaded),
                Some((PartyState::Uploading, _, Some(expires))) if (now..=longest).contains(&expires) => return Ok(BeginUpload::InProgress),
                Some((PartyState::Uploading, Some(stale), _)) => transitions::doom_objects_of(tx, &stale)?,
                Some(_) => {}
            }
            let expires = Timestamp(now).after(ttl).0;
            tx.prepare_cached(
                "UPDATE parties SET state = 'uploading', lease = ?3, lease_expires = ?4 WHERE project_id = ?1 AND party = ?2",
            )?
            .execute(params![project, party, lease.0, expires])?;
            note(tx, &project, party, Action::UploadBegun, now)?;
            Ok(BeginUpload::Granted)
        })
        .await
    }

    async fn renew_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<bool> {
        self.write(move |tx, now| {
            let expires = Timestamp(now).after(ttl).0;
            let sql =
                "UPDATE parties SET lease_expires = ?4 WHERE project_id = ?1 AND party = ?2 AND lease = ?3";
            let held =
                tx.prepare_cached(sql)?.execute(params![project.to_string(), party, lease.0, expires])? == 1;
            if held {
                tx.prepare_cached("UPDATE objects SET expires = ?2 WHERE lease = ?1")?
                    .execute(params![lease.0, expires])?;
            }
            Ok(held)
        })
        .await
    }

    async fn finish_upload(
        &self,
        project: ProjectId,
        party: u16,
        lease: Lease,
        receipt: TokenDigest,
        verdict: &Verdict,
    ) -> DbResult<FinishUpload> {
        let verdict = verdict.clone();
        self.write(move |tx, now| finish(tx, &project.to_string(), party, lease, receipt, &verdict, now))
            .await
    }

    async fn abandon_upload(&self, project: ProjectId, party: u16, lease: Lease) -> DbResult<()> {
        self.write(move |tx, now| {
            let project = project.to_string();
            if end(tx, &project, party, lease, PartyState::Waiting, now)? {
                note(tx, &project, party, Action::UploadFailed, now)?;
            }
            transitions::doom_objects_of(tx, &lease.0)
        })
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
        let source = to_json(&Source { party, source: source.to_owned() })?;
        self.write(move |tx, now| {
            let project = project.to_string();
            if has_expired(tx, &project, now)?
                || !end(tx, &project, party, lease, PartyState::Ingesting, now)?
            {
                return Ok(AcceptExternal::LeaseLost);
            }
            transitions::doom_objects_of(tx, &lease.0)?;
            add_receipt(tx, &project, party, receipt)?;
            note_accepted(tx, &project, party, None, now)?;
            let task = NewTask {
                kind: TaskKind::Ingest,
                project: &project,
                run: None,
                comparison: None,
                number: 0,
                payload: &source,
                comparisons: 0,
                cause: None,
            };
            transitions::enqueue(tx, task, now)?;
            Ok(AcceptExternal::Accepted)
        })
        .await
    }
}
