//! What the audit trail costs where it costs most: new projects all meet at the server's chain.

use std::time::Instant;

use futures::future::{BoxFuture, try_join_all};

use super::new_project;
use crate::config::system::OsRandom;
use crate::db::projects::Projects;
use crate::domain::{ProjectId, ResultType, TokenDigest, random_bytes};

/// Makes a project in a store.
pub(crate) type Create<S> = fn(S) -> BoxFuture<'static, ()>;

pub(crate) fn fresh<const N: usize>() -> [u8; N] {
    random_bytes(&OsRandom)
}

/// As the store does it.
fn audited<S: Projects + 'static>(store: S) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let updates = [TokenDigest(fresh()), TokenDigest(fresh())];
        let (id, project) = (ProjectId::from_random(fresh()), new_project(ResultType::Groups));
        store.create_project(id, &project, &updates, TokenDigest(fresh())).await.unwrap();
    })
}

/// Projects per second, by so many tasks at once.
async fn rate<S: Clone + Send + 'static>(store: &S, projects: usize, tasks: usize, create: Create<S>) -> f64 {
    let started = Instant::now();
    let all = (0..tasks).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..projects / tasks {
                create(store.clone()).await;
            }
        })
    });
    try_join_all(all.collect::<Vec<_>>()).await.unwrap();
    projects as f64 / started.elapsed().as_secs_f64()
}

/// Makes projects with and without a row in the trail, in turns, and tells the best rates of both. `bare` writes the same rows as the
/// store, and none in the trail.
pub(crate) async fn measure<S>(what: &str, store: &S, projects: usize, bare: Create<S>)
where
    S: Projects + Clone + 'static,
{
    rate(store, projects, 8, audited).await;
    for tasks in [1, 8] {
        let (mut with, mut without) = (0.0_f64, 0.0_f64);
        for _ in 0..5 {
            with = with.max(rate(store, projects, tasks, audited).await);
            without = without.max(rate(store, projects, tasks, bare).await);
        }
        eprintln!(
            "{what}, {tasks} at once: {with:.0} projects/s audited, {without:.0} without: {:.2}",
            with / without
        );
        assert!(with > 50.0, "{with}");
    }
}
