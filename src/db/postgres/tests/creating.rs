//! What the audit trail costs where it costs most: new projects all meet at the server's chain.

use std::time::Instant;

use super::super::projects::{INSERT_PARTIES, INSERT_PROJECT};
use super::super::rows::params;
use super::*;
use crate::db::projects::Projects;
use crate::domain::audit::Actor;
use crate::domain::{NewProject, ProjectId, ResultType, TokenDigest, random_bytes};
use crate::stack::PostgresOptions;

const PROJECTS: usize = 300;

fn fresh<const N: usize>() -> [u8; N] {
    random_bytes(&crate::config::system::OsRandom)
}

/// As the store does it.
async fn with(db: &PostgresDb) {
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

/// The same statements, and no row in the trail.
async fn without(db: &PostgresDb) {
    let (id, updates) = (ProjectId::from_random(fresh()).to_string(), [fresh::<32>(), fresh::<32>()]);
    let (updates, result) = ([updates[0].as_slice(), updates[1].as_slice()], fresh::<32>());
    let (id, updates, result) = (id.as_str(), updates.as_slice(), result.as_slice());
    let none = None::<i64>;
    db.transaction("create_project", |tx| async move {
        tx.run(INSERT_PROJECT, params![id, "", "", "{}", "groups", 2_i64, false, none, none]).await?;
        tx.run(INSERT_PARTIES, params![id, updates, result]).await
    })
    .await
    .unwrap();
}

/// Projects per second, by so many tasks at once.
async fn rate(db: &PostgresDb, tasks: usize, audited: bool) -> f64 {
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
    let cluster = Postgres::with(&PostgresOptions { durable: true, ..PostgresOptions::default() });
    let db = store(&cluster, "creating", 8).await;
    rate(&db, 8, true).await;
    for tasks in [1, 8] {
        let (mut audited, mut bare) = (0.0_f64, 0.0_f64);
        for _ in 0..5 {
            audited = audited.max(rate(&db, tasks, true).await);
            bare = bare.max(rate(&db, tasks, false).await);
        }
        eprintln!(
            "PostgreSQL, {tasks} at once: {audited:.0} projects/s audited, {bare:.0} without: {:.2}",
            audited / bare
        );
        assert!(audited > 50.0, "{audited}");
    }
}
