//! What the audit trail costs a new project.

use futures::future::BoxFuture;

use super::super::projects::{INSERT_PARTIES, INSERT_PROJECT};
use super::super::rows::params;
use super::*;
use crate::db::conformance::creating::{fresh, measure};
use crate::domain::ProjectId;
use crate::stack::PostgresOptions;

const PROJECTS: usize = 300;

/// The same statements, and no row in the trail.
fn bare(db: PostgresDb) -> BoxFuture<'static, ()> {
    Box::pin(async move {
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
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, on an idle machine"]
async fn new_projects_with_and_without_their_rows() {
    let cluster = Postgres::with(&PostgresOptions { durable: true, ..PostgresOptions::default() });
    let db = store(&cluster, "creating", 8).await;
    measure("PostgreSQL", &db, PROJECTS, bare).await;
}
