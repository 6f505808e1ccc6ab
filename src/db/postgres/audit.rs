//! The audit trail in PostgreSQL.
//!
//! Events are noted in their transaction ([`Tx::note`]) and appended right before its commit: a chain is extended under an advisory
//! lock of its own, which comes after all others; the projects' chains in the order of their names, and then the server's.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::future::try_join;
use tokio_postgres::Row as SqlRow;

use super::PostgresDb;
use super::rows::{blob, get, params};
use super::transaction::Tx;
use crate::codec::audit::{AuditKey, Hash, Head, Row, SERVER_CHAIN};
use crate::db::DbResult;
use crate::db::audit::{Audit, extend, touches_server};
use crate::domain::TokenKind;
use crate::domain::audit::{Access, Actor, Event, Refusal, TokenPrefix};

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1, 0))";

/// The time is looked at once the chain is held, so that it goes up along the chain.
const HELD: &str = "SELECT now.micros, heads.* FROM (SELECT now_micros() AS micros) AS now
                    LEFT JOIN audit_heads AS heads ON heads.chain = $1";

const INSERT: &str = "
    INSERT INTO audit_rows (chain, number, time, actor, token, action, project, run, outcome, details, previous, hash, mac)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

const ADVANCE: &str = "
    INSERT INTO audit_heads (chain, number, hash, ended, mac)
    SELECT chain, number, hash, ended = 1, mac FROM unnest($1, $2, $3, $4, $5) AS new (chain, number, hash, ended, mac)
    ON CONFLICT (chain) DO UPDATE
    SET number = EXCLUDED.number, hash = EXCLUDED.hash, ended = EXCLUDED.ended, mac = EXCLUDED.mac";

/// Appends what a transaction has noted to the chains where it belongs. Nothing else may be locked afterwards.
pub(super) async fn append(tx: &Tx, events: &[Event]) -> DbResult<()> {
    if events.is_empty() {
        return Ok(());
    }
    let key = tx.audit_key().get()?.clone();
    let (mut heads, mut now) = (BTreeMap::new(), 0);
    let projects: BTreeSet<&str> = events.iter().filter_map(|event| event.project.as_deref()).collect();
    for chain in projects {
        now = hold(tx, chain, &mut heads).await?;
    }
    let head = |event: &Event| event.project.as_ref().and_then(|project| heads.get(project));
    if events.iter().any(|event| touches_server(event, head(event))) {
        now = hold(tx, SERVER_CHAIN, &mut heads).await?;
    }
    let extension = extend(&mut heads, events, now, &|bytes| Ok(key.sign(bytes)))?;
    let rows = insert(tx, &extension.rows);
    let heads: Vec<&Head> = extension.heads.values().collect();
    // In this order on the wire, without waiting in between.
    try_join(rows, advance(tx, &heads)).await.map(drop)
}

/// Keeps others from extending a chain, and reads its head; returns the time.
async fn hold(tx: &Tx, chain: &str, heads: &mut BTreeMap<String, Head>) -> DbResult<i64> {
    let (lock, held) = (params![chain], params![chain]);
    let (_, row) = try_join(tx.run(LOCK, lock), tx.first(HELD, held)).await?;
    let row = row.ok_or_else(|| crate::db::DbError::Corrupt("no time".into()))?;
    if get::<Option<&str>>(&row, "chain")?.is_some() {
        heads.insert(chain.to_owned(), head(&row)?);
    }
    get(&row, "micros")
}

async fn insert(tx: &Tx, rows: &[Row]) -> DbResult<()> {
    let texts =
        |field: fn(&Row) -> &String| rows.iter().map(|row| field(row).as_str()).collect::<Vec<&str>>();
    let numbers = |field: fn(&Row) -> i64| rows.iter().map(field).collect::<Vec<i64>>();
    let hashes =
        |field: fn(&Row) -> &Hash| rows.iter().map(|row| field(row).0.as_slice()).collect::<Vec<_>>();
    let (previous, hash, mac) =
        (hashes(|row| &row.previous), hashes(|row| &row.hash), hashes(|row| &row.mac));
    tx.run(
        INSERT,
        params![
            texts(|row| &row.chain),
            numbers(|row| row.number),
            numbers(|row| row.time),
            texts(|row| &row.actor),
            texts(|row| &row.token),
            texts(|row| &row.action),
            texts(|row| &row.project),
            texts(|row| &row.run),
            texts(|row| &row.outcome),
            texts(|row| &row.details),
            previous.as_slice(),
            hash.as_slice(),
            mac.as_slice()
        ],
    )
    .await
}

async fn advance(tx: &Tx, heads: &[&Head]) -> DbResult<()> {
    let chains: Vec<&str> = heads.iter().map(|head| head.chain.as_str()).collect();
    let numbers: Vec<i64> = heads.iter().map(|head| head.number).collect();
    let ended: Vec<i64> = heads.iter().map(|head| i64::from(head.ended)).collect();
    let hashes: Vec<&[u8]> = heads.iter().map(|head| head.hash.0.as_slice()).collect();
    let macs: Vec<&[u8]> = heads.iter().map(|head| head.mac.0.as_slice()).collect();
    tx.run(ADVANCE, params![chains, numbers, hashes.as_slice(), ended, macs.as_slice()]).await
}

/// The holder of a project's token of this kind, as far as there is one.
pub(super) async fn holder(tx: &Tx, project: &str, kind: TokenKind) -> DbResult<Actor> {
    let (name, party) = match kind {
        TokenKind::Update { party } => ("update", Some(i64::from(party))),
        TokenKind::Receipt { party } => ("receipt", Some(i64::from(party))),
        TokenKind::Result => ("result", None),
    };
    let sql =
        "SELECT digest FROM tokens WHERE project_id = $1 AND kind = $2 AND party IS NOT DISTINCT FROM $3";
    let row = tx.first(sql, params![project, name, party]).await?;
    let digest = row.map(|row| blob::<32>(&row, "digest")).transpose()?;
    Ok(Actor::holder(kind, digest.as_ref().map(TokenPrefix::of)))
}

fn head(row: &SqlRow) -> DbResult<Head> {
    Ok(Head {
        chain: get(row, "chain")?,
        number: get(row, "number")?,
        hash: Hash(blob(row, "hash")?),
        ended: get(row, "ended")?,
        mac: Hash(blob(row, "mac")?),
    })
}

fn row(row: &SqlRow) -> DbResult<Row> {
    Ok(Row {
        chain: get(row, "chain")?,
        number: get(row, "number")?,
        time: get(row, "time")?,
        actor: get(row, "actor")?,
        token: get(row, "token")?,
        action: get(row, "action")?,
        project: get(row, "project")?,
        run: get(row, "run")?,
        outcome: get(row, "outcome")?,
        details: get(row, "details")?,
        previous: Hash(blob(row, "previous")?),
        hash: Hash(blob(row, "hash")?),
        mac: Hash(blob(row, "mac")?),
    })
}

/// Refusals as events; those that name no project of ours are recorded without a name.
async fn refusal_events(tx: &Tx, refusals: &[(Refusal, u64)]) -> DbResult<Vec<Event>> {
    let mut events: Vec<Event> = refusals.iter().map(|(refusal, count)| refusal.event(*count)).collect();
    let named: Vec<String> = events.iter().filter_map(|event| event.project.clone()).collect();
    let sql = "SELECT id FROM unnest($1) AS named (id)
               WHERE EXISTS (SELECT FROM audit_heads WHERE chain = id) OR EXISTS (SELECT FROM projects p WHERE p.id = named.id)";
    let known = tx.query(sql, params![named]).await?;
    let known = known.iter().map(|row| get(row, "id")).collect::<DbResult<BTreeSet<String>>>()?;
    for event in &mut events {
        event.project = event.project.take().filter(|project| known.contains(project));
    }
    Ok(events)
}

#[async_trait]
impl Audit for PostgresDb {
    fn audit_with(&self, key: AuditKey) {
        self.audit_key.set(key);
    }

    async fn record_access(&self, access: Access) -> DbResult<()> {
        let project = access.project.to_string();
        let project = project.as_str();
        self.transaction("record_access", |tx| async move {
            let actor = holder(&tx, project, access.by).await?;
            let mut event = Event::done(actor, access.action, project);
            event.run = access.run.map(|run| run.to_string());
            tx.note(event);
            Ok(())
        })
        .await
    }

    async fn record_refusals(&self, refusals: Vec<(Refusal, u64)>) -> DbResult<()> {
        let refusals = refusals.as_slice();
        self.transaction("record_refusals", |tx| async move {
            refusal_events(&tx, refusals).await?.into_iter().for_each(|event| tx.note(event));
            Ok(())
        })
        .await
    }

    async fn audit_chains(&self) -> DbResult<Vec<(String, Option<Head>)>> {
        let sql = "
            SELECT * FROM audit_heads UNION ALL
            SELECT DISTINCT chain, NULL::bigint, NULL::bytea, NULL::boolean, NULL::bytea FROM audit_rows
            WHERE NOT EXISTS (SELECT FROM audit_heads WHERE audit_heads.chain = audit_rows.chain)
            ORDER BY chain";
        let rows = self.again(sql, &[]).await?;
        rows.iter()
            .map(|row| {
                let there = get::<Option<i64>>(row, "number")?.is_some();
                Ok((get(row, "chain")?, if there { Some(head(row)?) } else { None }))
            })
            .collect()
    }

    async fn audit_rows(&self, chain: &str, after: i64, limit: usize) -> DbResult<Vec<Row>> {
        let sql = "SELECT * FROM audit_rows WHERE chain = $1 AND number > $2 ORDER BY number LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.again(sql, params![chain, after, limit]).await?.iter().map(row).collect()
    }

    async fn audit_end(&self, chain: &str) -> DbResult<(Option<Head>, Option<i64>)> {
        let sql = "SELECT last.row, heads.* FROM (SELECT max(number) AS row FROM audit_rows WHERE chain = $1) AS last
                   LEFT JOIN audit_heads AS heads ON heads.chain = $1";
        let Some(row) = self.first(sql, params![chain]).await? else { return Ok((None, None)) };
        let there = get::<Option<i64>>(&row, "number")?.is_some();
        Ok((if there { Some(head(&row)?) } else { None }, get(&row, "row")?))
    }
}
