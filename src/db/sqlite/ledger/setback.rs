//! Tasks that didn't end well: errors, expired leases, hand-backs.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::super::rows::{collect, first, json};
use super::super::transitions;
use super::holds;
use crate::db::ledger::{Held, LONGEST_LEASE, MAX_ERRORS, MAX_EXPIRIES};
use crate::db::{DbResult, Lease};
use crate::domain::{TaskId, Timestamp};

/// Puts a leased task back into its queue.
fn release(tx: &Connection, task: i64, run_after: i64) -> DbResult<()> {
    tx.prepare_cached(
        "UPDATE tasks SET state = 'ready', lease = NULL, lease_expires = NULL, worker = NULL, run_after = ?2 WHERE id = ?1",
    )?
    .execute([task, run_after])?;
    Ok(())
}

/// Ends the runs that can't go on without this task, or the project whose data it should have brought in.
fn give_up(tx: &Connection, task: i64, message: &str, now: i64) -> DbResult<()> {
    let sql = "SELECT run_id, comparison_id, project_id, payload FROM tasks WHERE id = ?1";
    let owner = first(tx, sql, [task], |row| {
        let (run, comparison) = (row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?);
        Ok((run, comparison, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    })?;
    match owner {
        None => Ok(()),
        Some((Some(run), ..)) => transitions::fail_run(tx, &run, message, now),
        Some((None, Some(comparison), ..)) => transitions::fail_comparison(tx, comparison, message, now),
        Some((None, None, project, payload)) => {
            tx.prepare_cached("DELETE FROM tasks WHERE id = ?1")?.execute([task])?;
            let source: transitions::Source = json(&payload, "payload")?;
            transitions::fail_party(tx, &project, source.party, message, now)
        }
    }
}

pub(super) fn fail(
    tx: &Connection,
    task: TaskId,
    lease: Lease,
    message: &str,
    retry_after: Option<Duration>,
    now: i64,
) -> DbResult<Held> {
    transitions::doom_objects_of(tx, &lease.0)?;
    if !holds(tx, task, lease)? {
        return Ok(Held::No);
    }
    let sql = "UPDATE tasks SET errors = errors + 1 WHERE id = ?1 RETURNING errors";
    let errors: Option<u32> = first(tx, sql, [task.0], |row| Ok(row.get(0)?))?;
    match retry_after.filter(|_| errors.is_some_and(|n| n < MAX_ERRORS)) {
        Some(wait) => release(tx, task.0, Timestamp(now).after(wait).0)?,
        None => give_up(tx, task.0, message, now)?,
    }
    Ok(Held::Yes)
}

pub(super) fn hand_back(tx: &Connection, task: TaskId, lease: Lease, now: i64) -> DbResult<Held> {
    transitions::doom_objects_of(tx, &lease.0)?;
    if !holds(tx, task, lease)? {
        return Ok(Held::No);
    }
    tx.prepare_cached("UPDATE tasks SET hand_backs = hand_backs + 1 WHERE id = ?1")?.execute([task.0])?;
    release(tx, task.0, now)?;
    Ok(Held::Yes)
}

/// Tasks whose lease has run out.
pub(super) fn expired(tx: &Connection, now: i64) -> DbResult<Vec<i64>> {
    let sql = "SELECT id FROM tasks WHERE state = 'leased' AND (lease_expires < ?1 OR lease_expires > ?2)";
    collect(tx, sql, [now, Timestamp(now).after(LONGEST_LEASE).0], |row| Ok(row.get(0)?))
}

fn expire(tx: &Connection, task: i64, now: i64) -> DbResult<()> {
    let sql = "UPDATE tasks SET expiries = expiries + 1 WHERE id = ?1 RETURNING expiries";
    let expiries: Option<u32> = first(tx, sql, [task], |row| Ok(row.get(0)?))?;
    if expiries.is_some_and(|n| n < MAX_EXPIRIES) {
        return release(tx, task, now);
    }
    let message = format!(
        "workers vanished {MAX_EXPIRIES} times while they worked on the same task; they may be short of memory: \
         give them more, or use blocking"
    );
    give_up(tx, task, &message, now)
}

pub(super) fn rescue(tx: &rusqlite::Transaction, now: i64) -> DbResult<u64> {
    let tasks = expired(tx, now)?;
    for task in &tasks {
        expire(tx, *task, now)?;
    }
    Ok(tasks.len() as u64)
}

/// Treats all leases of a dead process as expired.
pub(in super::super) fn expire_worker(tx: &Connection, worker: &str, now: i64) -> DbResult<u64> {
    let sql = "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL
               WHERE lease IN (SELECT lease FROM tasks WHERE state = 'leased' AND worker = ?1)";
    tx.prepare_cached(sql)?.execute([worker])?;
    let sql = "SELECT id FROM tasks WHERE state = 'leased' AND worker = ?1";
    let tasks = collect(tx, sql, params![worker], |row| Ok(row.get::<_, i64>(0)?))?;
    for task in &tasks {
        expire(tx, *task, now)?;
    }
    Ok(tasks.len() as u64)
}
