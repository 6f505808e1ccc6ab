//! Tasks that didn't end well: errors, expired leases, hand-backs.

use std::time::Duration;

use super::super::PostgresDb;
use super::super::rows::{get, json, micros, number, params};
use super::super::transaction::Tx;
use super::super::transitions::{self, Source};
use crate::db::ledger::{Held, LONGEST_LEASE, MAX_ERRORS, MAX_EXPIRIES};
use crate::db::{DbResult, Lease};
use crate::domain::TaskId;

/// Holds the project of a task, if the task is there; returns the time since which.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended(project_id, 0)), now_micros() AS now
                    FROM tasks WHERE id = $1";

/// Puts a leased task back into its queue.
async fn release(tx: &Tx, task: i64, run_after: i64) -> DbResult<()> {
    let sql =
        "UPDATE tasks SET state = 'ready', lease = NULL, lease_expires = NULL, worker = NULL, run_after = $2
               WHERE id = $1";
    tx.run(sql, params![task, run_after]).await
}

/// Ends the runs that can't go on without this task, or the project whose data it should have brought in.
async fn give_up(tx: &Tx, task: i64, message: &str, now: i64) -> DbResult<()> {
    let sql = "SELECT run_id, comparison_id, project_id, payload FROM tasks WHERE id = $1";
    let Some(row) = tx.first(sql, params![task]).await? else { return Ok(()) };
    match (get::<Option<&str>>(&row, "run_id")?, get(&row, "comparison_id")?) {
        (Some(run), _) => transitions::fail_run(tx, run, message, now).await,
        (None, Some(comparison)) => transitions::fail_comparison(tx, comparison, message, now).await,
        (None, None) => {
            tx.run("DELETE FROM tasks WHERE id = $1", params![task]).await?;
            let source: Source = json(get(&row, "payload")?, "payload")?;
            transitions::fail_party(tx, get(&row, "project_id")?, source.party, message, now).await
        }
    }
}

pub(super) async fn fail(
    tx: &Tx,
    task: TaskId,
    lease: Lease,
    message: &str,
    retry_after: Option<Duration>,
) -> DbResult<Held> {
    let held = match tx.first(LOCK, params![task.0]).await? {
        None => None,
        Some(locked) => {
            let sql = "UPDATE tasks SET errors = errors + 1
                       WHERE id = $1 AND lease = $2 AND state = 'leased' RETURNING errors";
            let row = tx.first(sql, params![task.0, lease.0.as_slice()]).await?;
            match row {
                Some(row) => Some((number::<u32>(&row, "errors")?, get::<i64>(&locked, "now")?)),
                None => None,
            }
        }
    };
    if let Some((errors, now)) = held {
        match retry_after.filter(|_| errors < MAX_ERRORS) {
            Some(wait) => release(tx, task.0, now.saturating_add(micros(wait))).await?,
            None => give_up(tx, task.0, message, now).await?,
        }
    }
    transitions::doom_objects_of(tx, &lease.0).await?;
    Ok(if held.is_some() { Held::Yes } else { Held::No })
}

pub(super) async fn hand_back(tx: &Tx, task: TaskId, lease: Lease) -> DbResult<Held> {
    let sql = "UPDATE tasks SET hand_backs = hand_backs + 1, run_after = now_micros(),
                                state = 'ready', lease = NULL, lease_expires = NULL, worker = NULL
               WHERE id = $1 AND lease = $2 AND state = 'leased' RETURNING 1";
    let held = tx.first(sql, params![task.0, lease.0.as_slice()]).await?;
    transitions::doom_objects_of(tx, &lease.0).await?;
    Ok(if held.is_some() { Held::Yes } else { Held::No })
}

/// Counts an expired lease for the last time and ends what the task belonged to; false if another was quicker.
async fn expire_for_good(tx: &Tx, task: i64) -> DbResult<bool> {
    let Some(locked) = tx.first(LOCK, params![task]).await? else { return Ok(false) };
    let now: i64 = get(&locked, "now")?;
    let sql = "UPDATE tasks SET expiries = expiries + 1
               WHERE id = $1 AND state = 'leased' AND (lease_expires < $2 OR lease_expires > $2 + $3) RETURNING 1";
    if tx.first(sql, params![task, now, micros(LONGEST_LEASE)]).await?.is_none() {
        return Ok(false);
    }
    let message = format!(
        "workers vanished {MAX_EXPIRIES} times while they worked on the same task; they may be short of memory: \
         give them more, or use blocking"
    );
    give_up(tx, task, &message, now).await?;
    Ok(true)
}

pub(super) async fn rescue(db: &PostgresDb) -> DbResult<u64> {
    let longest = micros(LONGEST_LEASE);
    let sql = "SELECT id, expiries FROM tasks
               WHERE state = 'leased' AND (lease_expires < (SELECT now_micros()) OR lease_expires > (SELECT now_micros() + $1))";
    let expired = db.again(sql, params![longest]).await?;
    if expired.is_empty() {
        return Ok(0);
    }
    // A task that another rescuer, or its late worker, has in hand needs no rescue.
    let sql = "
        UPDATE tasks SET expiries = expiries + 1, run_after = now_micros(),
                         state = 'ready', lease = NULL, lease_expires = NULL, worker = NULL
        WHERE id IN (
            SELECT id FROM tasks
            WHERE state = 'leased' AND expiries + 1 < $1
            AND (lease_expires < (SELECT now_micros()) OR lease_expires > (SELECT now_micros() + $2))
            FOR UPDATE SKIP LOCKED)
        RETURNING 1";
    let limit = i64::from(MAX_EXPIRIES);
    let mut rescued = db.query(sql, params![limit, longest]).await?.len() as u64;
    for row in &expired {
        let (task, expiries): (i64, i64) = (get(row, "id")?, get(row, "expiries")?);
        if expiries + 1 >= limit {
            let ended =
                db.transaction("rescue", |tx| async move { expire_for_good(&tx, task).await }).await?;
            rescued += u64::from(ended);
        }
    }
    Ok(rescued)
}
