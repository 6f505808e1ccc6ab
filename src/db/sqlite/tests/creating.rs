//! What the audit trail costs a new project in the embedded store.

use futures::future::BoxFuture;
use rusqlite::params;

use super::*;
use crate::config::system::SystemClock;
use crate::db::conformance::creating::{fresh, measure};
use crate::domain::ProjectId;

const PROJECTS: usize = 400;

/// The same rows, and none in the trail.
fn bare(db: SqliteDb) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        db.write(|tx, now| {
            let id = ProjectId::from_random(fresh()).to_string();
            tx.prepare_cached(
                "INSERT INTO projects (id, name, notes, schema, result_type, parties, uses_blocking, time_added)
                 VALUES (?1, '', '', '{}', 'groups', 2, 0, ?2)",
            )?
            .execute(params![id, now])?;
            let mut token = tx
                .prepare_cached("INSERT INTO tokens (digest, project_id, kind, party) VALUES (?1, ?2, ?3, ?4)")?;
            token.execute(params![fresh::<32>(), id, "result", None::<u16>])?;
            let mut add =
                tx.prepare_cached("INSERT INTO parties (project_id, party, state) VALUES (?1, ?2, 'waiting')")?;
            for party in 0..2_u16 {
                add.execute(params![id, party])?;
                token.execute(params![fresh::<32>(), id, "update", party])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, on an idle machine"]
async fn new_projects_with_and_without_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteDb::open(&folder.path().join("a.db"), Arc::new(SystemClock)).unwrap();
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    measure("SQLite", &db, PROJECTS, bare).await;
}
