//! The audit trail in SQLite. The writing connection knows the key as the SQL function `audit_mac`, so that every transaction on it
//! can append.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Row as SqlRow, params};

use super::SqliteDb;
use super::rows::{blob, collect, first, value};
use crate::codec::audit::{AuditKey, Hash, Head, Row, SERVER_CHAIN};
use crate::db::audit::{Audit, KeyPlace, extend};
use crate::db::{DbError, DbResult};
use crate::domain::TokenKind;
use crate::domain::audit::{Access, Actor, Event, Refusal, TokenPrefix};

/// Lets a connection authenticate rows with the key, once it is known.
pub(super) fn enable(connection: &Connection, key: KeyPlace) -> DbResult<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("audit_mac", 1, flags, move |context| {
        let bytes: Vec<u8> = context.get(0)?;
        Ok(key.get().ok().map(|key| key.sign(&bytes).0.to_vec()))
    })?;
    Ok(())
}

fn sign(tx: &Connection, bytes: &[u8]) -> DbResult<Hash> {
    let code = value::<Option<Vec<u8>>>(tx, "SELECT audit_mac(?1)", [bytes])?.flatten();
    let code = code.map_or_else(|| KeyPlace::default().get().map(|_| Vec::new()), Ok)?;
    code.try_into().map(Hash).map_err(|_| DbError::Corrupt("an authentication code of a wrong length".into()))
}

/// Appends an event to the chain where it belongs, within the caller's transaction.
pub(super) fn append(tx: &Connection, event: &Event, now: i64) -> DbResult<()> {
    append_all(tx, std::slice::from_ref(event), now)
}

fn append_all(tx: &Connection, events: &[Event], now: i64) -> DbResult<()> {
    let mut heads = BTreeMap::new();
    for chain in events.iter().filter_map(|event| event.project.as_deref()).chain([SERVER_CHAIN]) {
        if let Some(head) = read_head(tx, chain)? {
            heads.insert(chain.to_owned(), head);
        }
    }
    let extension = extend(&mut heads, events, now, &|bytes| sign(tx, bytes))?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO audit_rows (chain, number, time, actor, token, action, project, run, outcome, details, previous, hash, mac)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for row in &extension.rows {
        let (chain, number, time) = (&row.chain, row.number, row.time);
        let (previous, hash, mac) = (row.previous.0, row.hash.0, row.mac.0);
        insert.execute(params![
            chain,
            number,
            time,
            row.actor,
            row.token,
            row.action,
            row.project,
            row.run,
            row.outcome,
            row.details,
            previous,
            hash,
            mac
        ])?;
    }
    let mut advance = tx.prepare_cached(
        "INSERT INTO audit_heads (chain, number, hash, ended, mac) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (chain) DO UPDATE
         SET number = excluded.number, hash = excluded.hash, ended = excluded.ended, mac = excluded.mac",
    )?;
    for head in extension.heads.values() {
        advance.execute(params![head.chain, head.number, head.hash.0, head.ended, head.mac.0])?;
    }
    Ok(())
}

/// The holder of a project's token of this kind, as far as there is one.
pub(super) fn holder(tx: &Connection, project: &str, kind: TokenKind) -> DbResult<Actor> {
    let (name, party) = match kind {
        TokenKind::Update { party } => ("update", Some(party)),
        TokenKind::Receipt { party } => ("receipt", Some(party)),
        TokenKind::Result => ("result", None),
    };
    let sql = "SELECT digest FROM tokens WHERE project_id = ?1 AND kind = ?2 AND party IS ?3";
    let digest = first(tx, sql, params![project, name, party], |row| blob::<32>(row, "digest"))?;
    Ok(Actor::holder(kind, digest.as_ref().map(TokenPrefix::of)))
}

fn head(row: &SqlRow) -> DbResult<Head> {
    Ok(Head {
        chain: row.get("chain")?,
        number: row.get("number")?,
        hash: Hash(blob(row, "hash")?),
        ended: row.get("ended")?,
        mac: Hash(blob(row, "mac")?),
    })
}

fn read_head(tx: &Connection, chain: &str) -> DbResult<Option<Head>> {
    first(tx, "SELECT * FROM audit_heads WHERE chain = ?1", [chain], head)
}

fn row(row: &SqlRow) -> DbResult<Row> {
    Ok(Row {
        chain: row.get("chain")?,
        number: row.get("number")?,
        time: row.get("time")?,
        actor: row.get("actor")?,
        token: row.get("token")?,
        action: row.get("action")?,
        project: row.get("project")?,
        run: row.get("run")?,
        outcome: row.get("outcome")?,
        details: row.get("details")?,
        previous: Hash(blob(row, "previous")?),
        hash: Hash(blob(row, "hash")?),
        mac: Hash(blob(row, "mac")?),
    })
}

/// A refusal as an event; one that names no project of ours is recorded without a name.
fn refusal_event(tx: &Connection, refusal: &Refusal, count: u64) -> DbResult<Event> {
    let mut event = refusal.event(count);
    if let Some(project) = &event.project {
        let sql = "SELECT EXISTS (SELECT 1 FROM audit_heads WHERE chain = ?1) OR EXISTS (SELECT 1 FROM projects WHERE id = ?1)";
        if !value::<bool>(tx, sql, [project])?.unwrap_or(false) {
            event.project = None;
        }
    }
    Ok(event)
}

#[async_trait]
impl Audit for SqliteDb {
    fn audit_with(&self, key: AuditKey) {
        self.audit_key.set(key);
    }

    async fn record_access(&self, access: Access) -> DbResult<()> {
        self.write(move |tx, now| {
            let project = access.project.to_string();
            let actor = holder(tx, &project, access.by)?;
            let mut event = Event::done(actor, access.action, project);
            event.run = access.run.map(|run| run.to_string());
            append(tx, &event, now)
        })
        .await
    }

    async fn record_refusals(&self, refusals: Vec<(Refusal, u64)>) -> DbResult<()> {
        self.write(move |tx, now| {
            let events = refusals.iter().map(|(refusal, count)| refusal_event(tx, refusal, *count));
            append_all(tx, &events.collect::<DbResult<Vec<_>>>()?, now)
        })
        .await
    }

    async fn audit_chains(&self) -> DbResult<Vec<(String, Option<Head>)>> {
        self.read(|tx| {
            let heads = collect(tx, "SELECT * FROM audit_heads ORDER BY chain", [], head)?;
            let mut chains: Vec<_> = heads.into_iter().map(|head| (head.chain.clone(), Some(head))).collect();
            let sql =
                "SELECT DISTINCT chain FROM audit_rows WHERE chain NOT IN (SELECT chain FROM audit_heads)";
            chains.extend(collect(tx, sql, [], |row| Ok((row.get(0)?, None)))?);
            Ok(chains)
        })
        .await
    }

    async fn audit_rows(&self, chain: &str, after: i64, limit: usize) -> DbResult<Vec<Row>> {
        let (chain, limit) = (chain.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.read(move |tx| {
            let sql = "SELECT * FROM audit_rows WHERE chain = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
            collect(tx, sql, params![chain, after, limit], row)
        })
        .await
    }

    async fn audit_end(&self, chain: &str) -> DbResult<(Option<Head>, Option<i64>)> {
        let chain = chain.to_owned();
        self.read(move |tx| {
            let last =
                value::<Option<i64>>(tx, "SELECT max(number) FROM audit_rows WHERE chain = ?1", [&chain])?;
            Ok((read_head(tx, &chain)?, last.flatten()))
        })
        .await
    }
}
