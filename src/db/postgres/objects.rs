//! Which objects exist.

use std::time::Duration;

use async_trait::async_trait;

use super::PostgresDb;
use super::rows::{get, micros, params};
use crate::db::objects::Objects;
use crate::db::{DbResult, Lease};
use crate::domain::ProjectId;

/// Dooms what writers have left behind and lists the doomed. An object that its writer's completion has just locked is skipped: it
/// is about to live.
const DEAD: &str = "
    WITH late AS (
        SELECT name FROM objects WHERE state = 'writing' AND expires < (SELECT now_micros())
        LIMIT $1 FOR UPDATE SKIP LOCKED),
    doomed AS (
        UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL
        FROM late WHERE objects.name = late.name RETURNING objects.name)
    SELECT name FROM doomed UNION ALL SELECT name FROM objects WHERE state = 'doomed' LIMIT $1";

/// Rows that somebody is changing can wait for the next sweep.
const FORGET: &str = "
    DELETE FROM objects WHERE name IN (
        SELECT name FROM objects WHERE name = ANY ($1) AND state = 'doomed' FOR UPDATE SKIP LOCKED)";

/// As if being written, and late: a sweeper that has deleted the object before it was there would forget a doomed name.
const DISCARD: &str = "
    INSERT INTO objects (name, project_id, state, lease, expires)
    SELECT name, $2, 'writing', $3, now_micros() - 1 FROM unnest($1::text[]) AS name
    ON CONFLICT (name) DO UPDATE SET state = 'writing', lease = EXCLUDED.lease, expires = EXCLUDED.expires
    WHERE objects.state <> 'live'";

#[async_trait]
impl Objects for PostgresDb {
    async fn register_object(
        &self,
        name: &str,
        project: ProjectId,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<()> {
        // A registration that a crash of the server undoes only makes its writer's completion fail.
        let sql = "WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
                   INSERT INTO objects (name, project_id, state, lease, expires)
                   SELECT $1, $2, 'writing', $3, now_micros() + $4 FROM setting";
        self.query(sql, params![name, project.to_string(), lease.0.as_slice(), micros(ttl)]).await.map(drop)
    }

    async fn discard_objects(&self, names: &[String], project: ProjectId, lease: Lease) -> DbResult<()> {
        self.again(DISCARD, params![names, project.to_string(), lease.0.as_slice()]).await.map(drop)
    }

    async fn dead_objects(&self, limit: usize) -> DbResult<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.again(DEAD, params![limit]).await?.iter().map(|row| get(row, "name")).collect()
    }

    async fn forget_objects(&self, names: &[String]) -> DbResult<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.again(FORGET, params![names]).await.map(drop)
    }

    async fn known_objects(&self, names: &[String]) -> DbResult<Vec<String>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT name FROM objects WHERE name = ANY ($1)";
        self.again(sql, params![names]).await?.iter().map(|row| get(row, "name")).collect()
    }
}
