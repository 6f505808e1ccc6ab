//! A party's data are in: what the end of an upload and the end of an `ingest` task have in common.

use super::rows::{get, params, text, to_json};
use super::transaction::Tx;
use super::transitions;
use crate::db::uploads::Verdict;
use crate::db::{DbResult, Lease};
use crate::domain::UploadSummary;

/// Makes a party ready with its data, whose objects were written under this lease; false, and nothing is changed, if one of them
/// has been swept.
pub(super) async fn make_ready(
    tx: &Tx,
    project: &str,
    party: u16,
    lease: Lease,
    summary: &UploadSummary,
) -> DbResult<bool> {
    if !transitions::enliven_objects(tx, summary.objects(), &lease.0).await? {
        return Ok(false);
    }
    let sql = "
        WITH ready AS (
            UPDATE parties SET state = 'ready', lease = NULL, lease_expires = NULL, encodings = $3, digest = $4,
                               encodings_object = $5, blocks_object = $6, warnings = $7,
                               report = $9, time_uploaded = coalesce(time_uploaded, now_micros())
            WHERE project_id = $1 AND party = $2 AND state IN ('uploading', 'ingesting') RETURNING project_id),
        agreed AS (
            UPDATE projects SET encoding_size = $8
            FROM ready WHERE projects.id = ready.project_id AND encoding_size IS NULL)
        SELECT 1 FROM ready";
    let warnings = to_json(&summary.warnings)?;
    let blocks = summary.blocks_object.as_deref();
    let (party, count, size) = (i64::from(party), i64::from(summary.count), summary.size as i64);
    let (digest, encodings) = (summary.digest.as_slice(), summary.encodings_object.as_str());
    let report = summary.report.as_ref().map(to_json).transpose()?;
    let values = params![project, party, count, digest, encodings, blocks, warnings, size, report];
    Ok(!tx.query(sql, values).await?.is_empty())
}

/// Bytes per encoding that the project has agreed on.
pub(super) async fn agreed_size(tx: &Tx, project: &str) -> DbResult<Option<usize>> {
    let row = tx.first("SELECT encoding_size FROM projects WHERE id = $1", params![project]).await?;
    let size = row.map_or(Ok(None), |row| get::<Option<i64>>(&row, "encoding_size"))?;
    Ok(size.and_then(|n| usize::try_from(n).ok()))
}

/// What a project's error says of a party whose encodings have another size than those before.
pub(super) fn wrong_size(party: u16, found: usize, wanted: usize) -> String {
    format!(
        "party {party} uploaded encodings of {found} bytes, but this project's encodings have {wanted} bytes"
    )
}

/// Records what an `ingest` task found, under the task's lease; false if an object has been swept.
pub(super) async fn ingested(
    tx: &Tx,
    project: &str,
    party: u16,
    lease: Lease,
    verdict: &Verdict,
    now: i64,
) -> DbResult<bool> {
    let error = match verdict {
        Verdict::Error(message) => text(message),
        Verdict::Ready { summary, .. } => match agreed_size(tx, project).await? {
            Some(wanted) if wanted != summary.size => wrong_size(party, summary.size, wanted),
            _ => {
                let ready = make_ready(tx, project, party, lease, summary).await?;
                if ready {
                    transitions::note_ingested(tx, project, party, Some(summary.count));
                    transitions::queue_runs_if_complete(tx, project, now).await?;
                }
                return Ok(ready);
            }
        },
    };
    transitions::fail_party(tx, project, party, &error, now).await?;
    Ok(true)
}
