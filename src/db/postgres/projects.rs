//! Projects and tokens.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::rows::{blob, get, json, micros, number, params, parsed, text, to_json};
use super::{PostgresDb, transitions};
use crate::db::projects::{PartyRecord, ProjectRecord, Projects};
use crate::db::{DbError, DbResult, ListPage};
use crate::domain::audit::{Action, Event};
use crate::domain::{NewProject, ProjectId, Timestamp, TokenDigest, TokenKind};

const SELECT_PROJECT: &str = "
    SELECT p.*, (SELECT count(*) FROM parties WHERE project_id = p.id AND state = 'ready') AS parties_contributed,
           ARRAY(SELECT party FROM parties WHERE project_id = p.id AND warnings <> '[]' ORDER BY party) AS warned,
           ARRAY(SELECT warnings FROM parties WHERE project_id = p.id AND warnings <> '[]' ORDER BY party) AS warnings
    FROM projects p WHERE id = $1";

const INSERT_PROJECT: &str = "
    INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, encoding_size, time_added, expires,
                          permutation_positions)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, micros, micros + $9, $10 FROM (SELECT now_micros() AS micros) AS now
    RETURNING expires";

const INSERT_PARTIES: &str = "
    WITH updates AS (SELECT digest, number - 1 AS party FROM unnest($2) WITH ORDINALITY AS u (digest, number)),
    waiting AS (INSERT INTO parties (project_id, party, state) SELECT $1, party, 'waiting' FROM updates)
    INSERT INTO tokens (digest, project_id, kind, party)
    SELECT digest, $1, 'update', party FROM updates UNION ALL SELECT $3, $1, 'result', NULL";

fn project_record(row: &Row) -> DbResult<ProjectRecord> {
    let warned: Vec<i64> = get(row, "warned")?;
    let mut warnings = Vec::new();
    for (party, texts) in warned.iter().zip(get::<Vec<&str>>(row, "warnings")?) {
        let party = u16::try_from(*party)
            .map_err(|_| DbError::Corrupt(format!("column warned: {party} is out of range")))?;
        let texts: Vec<String> = json(texts, "warnings")?;
        warnings.extend(texts.into_iter().map(|text| (party, text)));
    }
    Ok(ProjectRecord {
        id: parsed(row, "id")?,
        name: get(row, "name")?,
        notes: get(row, "notes")?,
        schema: json(get(row, "schema")?, "schema")?,
        result_type: parsed(row, "result_type")?,
        parties: number(row, "parties")?,
        uses_blocking: get(row, "uses_blocking")?,
        permutation_positions: parsed(row, "permutation_positions")?,
        encoding_size: get::<Option<i64>>(row, "encoding_size")?.and_then(|n| usize::try_from(n).ok()),
        parties_contributed: number(row, "parties_contributed")?,
        error: get(row, "error")?,
        warnings,
        time_added: Timestamp(get(row, "time_added")?),
        expires: get::<Option<i64>>(row, "expires")?.map(Timestamp),
    })
}

fn party_record(row: &Row) -> DbResult<PartyRecord> {
    let digest: Option<&[u8]> = get(row, "digest")?;
    Ok(PartyRecord {
        index: number(row, "party")?,
        state: parsed(row, "state")?,
        count: number(row, "encodings")?,
        encodings_object: get(row, "encodings_object")?,
        blocks_object: get(row, "blocks_object")?,
        digest: digest.map(|_| blob(row, "digest")).transpose()?,
        time_uploaded: get::<Option<i64>>(row, "time_uploaded")?.map(Timestamp),
        warnings: json(get(row, "warnings")?, "warnings")?,
        report: get::<Option<&str>>(row, "report")?.map(|text| json(text, "report")).transpose()?,
    })
}

fn token_kind(row: &Row) -> DbResult<Option<TokenKind>> {
    let kind: &str = get(row, "kind")?;
    let party = get::<Option<i64>>(row, "party")?.and_then(|party| u16::try_from(party).ok());
    Ok(match (kind, party) {
        ("update", Some(party)) => Some(TokenKind::Update { party }),
        ("receipt", Some(party)) => Some(TokenKind::Receipt { party }),
        ("result", None) => Some(TokenKind::Result),
        _ => None,
    })
}

#[async_trait]
impl Projects for PostgresDb {
    async fn create_project(
        &self,
        id: ProjectId,
        project: &NewProject,
        update_tokens: &[TokenDigest],
        result_token: TokenDigest,
    ) -> DbResult<Option<Timestamp>> {
        let id = id.to_string();
        let bits = project.promised_size().map(|promised| promised.bits).filter(|bits| bits % 64 == 0);
        let promised = bits.and_then(|bits| i64::try_from(bits / 8).ok()).filter(|bytes| *bytes > 0);
        let (name, notes, schema) = (text(&project.name), text(&project.notes), to_json(&project.schema)?);
        let updates: Vec<&[u8]> = update_tokens.iter().map(|token| token.0.as_slice()).collect();
        let (id, name, notes, schema) = (id.as_str(), name.as_str(), notes.as_str(), schema.as_str());
        let (updates, result) = (updates.as_slice(), result_token.0.as_slice());
        let (result_type, parties) = (project.result_type.name(), i64::from(project.parties));
        let (blocking, lifetime) = (project.uses_blocking, project.expires_in.map(micros));
        let positions = project.permutation_positions.name();
        let created = Event::done(project.creator, Action::ProjectCreated, id).detail("parties", parties);
        let project =
            params![id, name, notes, schema, result_type, parties, blocking, promised, lifetime, positions];
        let created = &created;
        self.transaction("create_project", |tx| async move {
            let row = tx.first(INSERT_PROJECT, project).await?;
            tx.run(INSERT_PARTIES, params![id, updates, result]).await?;
            tx.note(created.clone());
            Ok(row.map_or(Ok(None), |row| get::<Option<i64>>(&row, "expires"))?.map(Timestamp))
        })
        .await
    }

    async fn count_projects(&self) -> DbResult<u64> {
        let row = self.first("SELECT count(*) AS projects FROM projects WHERE expires IS NULL OR expires > (SELECT now_micros())", &[]).await?;
        row.map_or(Ok(0), |row| number(&row, "projects"))
    }

    async fn list_projects(&self, page: ListPage) -> DbResult<Vec<(ProjectId, Timestamp)>> {
        let sql = "SELECT id, time_added FROM projects
                   WHERE (time_added, id) > ($1, $2) AND (expires IS NULL OR expires > (SELECT now_micros()))
                   ORDER BY time_added, id LIMIT $3";
        let rows = self.again(sql, params![page.after.0.0, page.after.1, i64::from(page.limit)]).await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, Timestamp(get(row, "time_added")?)))).collect()
    }

    async fn project(&self, id: ProjectId) -> DbResult<Option<ProjectRecord>> {
        let row = self.first(SELECT_PROJECT, params![id.to_string()]).await?;
        row.as_ref().map(project_record).transpose()
    }

    async fn parties(&self, id: ProjectId) -> DbResult<Vec<PartyRecord>> {
        let sql = "SELECT * FROM parties WHERE project_id = $1 ORDER BY party";
        self.again(sql, params![id.to_string()]).await?.iter().map(party_record).collect()
    }

    async fn authorize(&self, id: ProjectId, token: TokenDigest) -> DbResult<Option<TokenKind>> {
        let sql = "SELECT t.digest, t.kind, t.party FROM tokens t JOIN projects p ON p.id = t.project_id
                   WHERE t.project_id = $1 AND t.digest = $2 AND (p.expires IS NULL OR p.expires > now_micros())";
        let row = self.first(sql, params![id.to_string(), token.0.as_slice()]).await?;
        match row {
            Some(row) if TokenDigest(blob(&row, "digest")?) == token => token_kind(&row),
            _ => Ok(None),
        }
    }

    async fn delete_project(&self, id: ProjectId) -> DbResult<bool> {
        let id = id.to_string();
        self.transaction("delete_project", |tx| {
            let id = id.as_str();
            async move {
                tx.lock_project(id).await?;
                transitions::delete_project(&tx, id, Action::ProjectDeleted).await
            }
        })
        .await
    }

    async fn expired_projects(&self, limit: usize) -> DbResult<Vec<ProjectId>> {
        let sql = "SELECT id FROM projects WHERE expires <= (SELECT now_micros()) ORDER BY expires LIMIT $1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.again(sql, params![limit]).await?.iter().map(|row| parsed(row, "id")).collect()
    }

    async fn expire_project(&self, id: ProjectId) -> DbResult<bool> {
        let id = id.to_string();
        let id = id.as_str();
        self.transaction("expire_project", |tx| async move {
            tx.lock_project(id).await?;
            match transitions::has_expired(&tx, id).await? {
                true => transitions::delete_project(&tx, id, Action::ProjectExpired).await,
                false => Ok(false),
            }
        })
        .await
    }
}
