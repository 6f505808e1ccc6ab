//! What the audit trail costs a new project in the embedded store.

use std::time::Instant;

use rusqlite::params;

use super::*;
use crate::config::system::{OsRandom, SystemClock};
use crate::db::projects::Projects;
use crate::domain::audit::Actor;
use crate::domain::{NewProject, ProjectId, ResultType, TokenDigest, random_bytes};

const PROJECTS: usize = 400;

fn fresh<const N: usize>() -> [u8; N] {
    random_bytes(&OsRandom)
}

/// As the store does it.
async fn with(db: &SqliteDb) {
    let project = NewProject {
        schema: serde_json::json!({}),
        result_type: ResultType::Groups,
        parties: 2,
        name: String::new(),
        notes: String::new(),
        uses_blocking: false,
        expires_in: None,
        creator: Actor::ANYONE,
    };
    let updates = [TokenDigest(fresh()), TokenDigest(fresh())];
    let id = ProjectId::from_random(fresh());
    db.create_project(id, &project, &updates, TokenDigest(fresh())).await.unwrap();
}

/// The same rows, and none in the trail.
async fn without(db: &SqliteDb) {
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
}

/// Projects per second, by so many tasks at once.
async fn rate(db: &SqliteDb, tasks: usize, audited: bool) -> f64 {
    let started = Instant::now();
    let all = (0..tasks).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..PROJECTS / tasks {
                match audited {
                    true => with(&db).await,
                    false => without(&db).await,
                }
            }
        })
    });
    futures::future::try_join_all(all.collect::<Vec<_>>()).await.unwrap();
    PROJECTS as f64 / started.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, on an idle machine"]
async fn new_projects_with_and_without_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteDb::open(&folder.path().join("a.db"), Arc::new(SystemClock)).unwrap();
    db.migrate().await.unwrap();
    db.audit_with(AuditKey::derive(&[7; 32]));
    rate(&db, 8, true).await;
    for tasks in [1, 8] {
        let (mut audited, mut bare) = (0.0_f64, 0.0_f64);
        for _ in 0..5 {
            audited = audited.max(rate(&db, tasks, true).await);
            bare = bare.max(rate(&db, tasks, false).await);
        }
        eprintln!(
            "SQLite, {tasks} at once: {audited:.0} projects/s audited, {bare:.0} without: {:.2}",
            audited / bare
        );
        assert!(audited > 50.0, "{audited}");
    }
}
