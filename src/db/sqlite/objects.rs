//! Which objects exist.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteDb;
use super::rows::{collect, value};
use crate::db::objects::Objects;
use crate::db::{DbResult, Lease};
use crate::domain::{ProjectId, Timestamp};

#[async_trait]
impl Objects for SqliteDb {
    async fn register_object(
        &self,
        name: &str,
        project: ProjectId,
        lease: Lease,
        ttl: Duration,
    ) -> DbResult<()> {
        let name = name.to_owned();
        self.write(move |tx, now| {
            let expires = Timestamp(now).after(ttl).0;
            tx.prepare_cached(
                "INSERT INTO objects (name, project_id, state, lease, expires) VALUES (?1, ?2, 'writing', ?3, ?4)",
            )?
            .execute(params![name, project.to_string(), lease.0, expires])?;
            Ok(())
        })
        .await
    }

    async fn discard_objects(&self, names: &[String], project: ProjectId, lease: Lease) -> DbResult<()> {
        let names = names.to_vec();
        self.write(move |tx, now| {
            // As if being written, and late: a sweeper that has deleted the object before it was there would forget a doomed name.
            let mut discard = tx.prepare_cached(
                "INSERT INTO objects (name, project_id, state, lease, expires) VALUES (?1, ?2, 'writing', ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET state = 'writing', lease = excluded.lease, expires = excluded.expires
                 WHERE state <> 'live'",
            )?;
            for name in &names {
                discard.execute(params![name, project.to_string(), lease.0, now - 1])?;
            }
            Ok(())
        })
        .await
    }

    async fn dead_objects(&self, limit: usize) -> DbResult<Vec<String>> {
        self.write(move |tx, now| {
            // What is handed out to be deleted must not come alive any more, however late its writer completes.
            let doom = "UPDATE objects SET state = 'doomed', lease = NULL, expires = NULL
                        WHERE state = 'writing' AND expires < ?1";
            tx.prepare_cached(doom)?.execute([now])?;
            let sql = "SELECT name FROM objects WHERE state = 'doomed' LIMIT ?1";
            collect(tx, sql, [limit as i64], |row| Ok(row.get(0)?))
        })
        .await
    }

    async fn forget_objects(&self, names: &[String]) -> DbResult<()> {
        let names = names.to_vec();
        self.write(move |tx, _| {
            let mut forget = tx.prepare_cached("DELETE FROM objects WHERE name = ?1 AND state = 'doomed'")?;
            for name in &names {
                forget.execute([name])?;
            }
            Ok(())
        })
        .await
    }

    async fn known_objects(&self, names: &[String]) -> DbResult<Vec<String>> {
        let names = names.to_vec();
        self.read(move |tx| {
            let mut known = Vec::new();
            for name in names {
                if value::<i64>(tx, "SELECT 1 FROM objects WHERE name = ?1", [&name])?.is_some() {
                    known.push(name);
                }
            }
            Ok(known)
        })
        .await
    }
}
