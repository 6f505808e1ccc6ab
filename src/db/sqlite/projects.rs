//! Projects and tokens.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::rows::{blob, collect, first, json, number, parsed, to_json, value};
use super::{SqliteDb, audit, transitions};
use crate::db::projects::{PartyRecord, ProjectRecord, Projects};
use crate::db::{DbResult, ListPage};
use crate::domain::audit::{Action, Event};
use crate::domain::{NewProject, ProjectId, Timestamp, TokenDigest, TokenKind};

fn project_record(row: &Row) -> DbResult<ProjectRecord> {
    let schema: String = row.get("schema")?;
    Ok(ProjectRecord {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        notes: row.get("notes")?,
        schema: json(&schema, "schema")?,
        result_type: parsed(row, "result_type")?,
        parties: number(row, "parties")?,
        uses_blocking: row.get("uses_blocking")?,
        permutation_positions: parsed(row, "permutation_positions")?,
        encoding_size: row.get::<_, Option<i64>>("encoding_size")?.and_then(|n| usize::try_from(n).ok()),
        parties_contributed: number(row, "parties_contributed")?,
        error: row.get("error")?,
        warnings: Vec::new(),
        time_added: Timestamp(row.get("time_added")?),
        expires: row.get::<_, Option<i64>>("expires")?.map(Timestamp),
    })
}

fn party_record(row: &Row) -> DbResult<PartyRecord> {
    let digest: Option<Vec<u8>> = row.get("digest")?;
    Ok(PartyRecord {
        index: number(row, "party")?,
        state: parsed(row, "state")?,
        count: number(row, "encodings")?,
        encodings_object: row.get("encodings_object")?,
        blocks_object: row.get("blocks_object")?,
        digest: digest.map(|_| blob(row, "digest")).transpose()?,
        time_uploaded: row.get::<_, Option<i64>>("time_uploaded")?.map(Timestamp),
        warnings: json(&row.get::<_, String>("warnings")?, "warnings")?,
        report: row.get::<_, Option<String>>("report")?.map(|text| json(&text, "report")).transpose()?,
    })
}

/// Whether a project is there only because nobody has cleared it away yet.
pub(super) fn has_expired(tx: &Connection, project: &str, now: i64) -> DbResult<bool> {
    let sql = "SELECT expires <= ?2 FROM projects WHERE id = ?1";
    Ok(value::<Option<bool>>(tx, sql, params![project, now])?.flatten().unwrap_or(false))
}

#[async_trait]
impl Projects for SqliteDb {
    async fn create_project(
        &self,
        id: ProjectId,
        project: &NewProject,
        update_tokens: &[TokenDigest],
        result_token: TokenDigest,
    ) -> DbResult<Option<Timestamp>> {
        let (project, update_tokens) = (project.clone(), update_tokens.to_vec());
        self.write(move |tx, now| {
            let id = id.to_string();
            let expires = project.expires_in.map(|wait| Timestamp(now).after(wait));
            let promised = project.promised_size().and_then(|p| i64::try_from(p.bits / 8).ok().filter(|_| p.bits % 64 == 0));
            tx.prepare_cached(
                "INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, encoding_size, time_added,
                                       expires, permutation_positions)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                id,
                project.name,
                project.notes,
                to_json(&project.schema)?,
                project.result_type.name(),
                project.parties,
                project.uses_blocking,
                promised.filter(|bytes| *bytes > 0),
                now,
                expires.map(|time| time.0),
                project.permutation_positions.name()
            ])?;
            let mut add_token =
                tx.prepare_cached("INSERT INTO tokens (digest, project_id, kind, party) VALUES (?1, ?2, ?3, ?4)")?;
            add_token.execute(params![result_token.0, id, "result", None::<u16>])?;
            let mut add_party =
                tx.prepare_cached("INSERT INTO parties (project_id, party, state) VALUES (?1, ?2, 'waiting')")?;
            for (party, token) in (0_u16..).zip(&update_tokens) {
                add_party.execute(params![id, party])?;
                add_token.execute(params![token.0, id, "update", party])?;
            }
            let event = Event::done(project.creator, Action::ProjectCreated, &*id);
            audit::append(tx, &event.detail("parties", project.parties), now)?;
            Ok(expires)
        })
        .await
    }

    async fn count_projects(&self) -> DbResult<u64> {
        let now = self.clock.now().0;
        let sql = "SELECT count(*) FROM projects WHERE expires IS NULL OR expires > ?1";
        self.read(move |tx| Ok(value::<i64>(tx, sql, [now])?.unwrap_or(0).unsigned_abs())).await
    }

    async fn list_projects(&self, page: ListPage) -> DbResult<Vec<(ProjectId, Timestamp)>> {
        let now = self.clock.now().0;
        self.read(move |tx| {
            let sql = "SELECT id, time_added FROM projects
                       WHERE (time_added, id) > (?2, ?3) AND (expires IS NULL OR expires > ?1) ORDER BY time_added, id LIMIT ?4";
            collect(tx, sql, params![now, page.after.0.0, page.after.1, page.limit], |row| {
                Ok((parsed(row, "id")?, Timestamp(row.get("time_added")?)))
            })
        })
        .await
    }

    async fn project(&self, id: ProjectId) -> DbResult<Option<ProjectRecord>> {
        self.read(move |tx| {
            let id = id.to_string();
            let sql = "SELECT *, (SELECT count(*) FROM parties WHERE project_id = p.id AND state = 'ready') AS parties_contributed
                       FROM projects p WHERE id = ?1";
            let Some(mut project) = first(tx, sql, [&id], project_record)? else { return Ok(None) };
            let sql = "SELECT party, warnings FROM parties WHERE project_id = ?1 AND warnings <> '[]' ORDER BY party";
            let warnings = collect(tx, sql, [&id], |row| {
                let party: u16 = row.get("party")?;
                let texts: Vec<String> = json(&row.get::<_, String>("warnings")?, "warnings")?;
                Ok(texts.into_iter().map(move |text| (party, text)))
            })?;
            project.warnings = warnings.into_iter().flatten().collect();
            Ok(Some(project))
        })
        .await
    }

    async fn parties(&self, id: ProjectId) -> DbResult<Vec<PartyRecord>> {
        self.read(move |tx| {
            collect(
                tx,
                "SELECT * FROM parties WHERE project_id = ?1 ORDER BY party",
                [id.to_string()],
                party_record,
            )
        })
        .await
    }

    async fn authorize(&self, id: ProjectId, token: TokenDigest) -> DbResult<Option<TokenKind>> {
        let now = self.clock.now().0;
        self.read(move |tx| {
            let sql = "SELECT t.digest, t.kind, t.party FROM tokens t JOIN projects p ON p.id = t.project_id
                       WHERE t.project_id = ?1 AND t.digest = ?2 AND (p.expires IS NULL OR p.expires > ?3)";
            let found = first(tx, sql, params![id.to_string(), token.0, now], |row| {
                let kind: String = row.get("kind")?;
                let party: Option<u16> = row.get("party")?;
                Ok((TokenDigest(blob(row, "digest")?), kind, party))
            })?;
            Ok(found.filter(|(digest, ..)| *digest == token).and_then(|(_, kind, party)| {
                match (kind.as_str(), party) {
                    ("update", Some(party)) => Some(TokenKind::Update { party }),
                    ("receipt", Some(party)) => Some(TokenKind::Receipt { party }),
                    ("result", None) => Some(TokenKind::Result),
                    _ => None,
                }
            }))
        })
        .await
    }

    async fn delete_project(&self, id: ProjectId) -> DbResult<bool> {
        let stained = self.stained.clone();
        self.write(move |tx, now| {
            stained.store(true, Ordering::Release);
            transitions::delete_project(tx, &id.to_string(), Action::ProjectDeleted, now)
        })
        .await
    }

    async fn expired_projects(&self, limit: usize) -> DbResult<Vec<ProjectId>> {
        let (now, limit) = (self.clock.now().0, i64::try_from(limit).unwrap_or(i64::MAX));
        self.read(move |tx| {
            let sql = "SELECT id FROM projects WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
            collect(tx, sql, [now, limit], |row| parsed(row, "id"))
        })
        .await
    }

    async fn expire_project(&self, id: ProjectId) -> DbResult<bool> {
        let stained = self.stained.clone();
        self.write(move |tx, now| {
            stained.store(true, Ordering::Release);
            let id = id.to_string();
            match has_expired(tx, &id, now)? {
                true => transitions::delete_project(tx, &id, Action::ProjectExpired, now),
                false => Ok(false),
            }
        })
        .await
    }

    async fn scrub(&self) -> DbResult<()> {
        self.empty_log().await
    }
}
