//! What every cache must do, whether it stays inside the process or lies on Redis: `one` and `other` are the caches of two
//! processes, or clones of one.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{Cache, CachedStatus};
use crate::config::RateLimit;
use crate::domain::{ComparisonId, ProjectId, Queue, TaskId, Timestamp};

/// Limit of the caches under test.
pub(super) const LIMIT: RateLimit = RateLimit { per_second: 2.0, burst: 5.0 };
const LONG: Duration = Duration::from_secs(5);

/// Waits until a condition holds.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs the whole suite.
pub(super) async fn all(one: &Cache, other: &Cache) {
    rings(one, other).await;
    cancels(one, other).await;
    progress(one, other).await;
    status(one, other).await;
    rates(one, other).await;
}

async fn rings(one: &Cache, other: &Cache) {
    let (own, far) = (one.listen(&[Queue::Compute]), other.listen(&[Queue::Default, Queue::Compute]));
    let deaf = other.listen(&[Queue::HighMemory]);
    one.ring(Queue::Compute);
    assert!(own.wait(Duration::ZERO).await || one.listen(&[]).wait(Duration::ZERO).await, "its own at once");
    assert!(far.wait(LONG).await, "the other process's");
    assert!(!deaf.wait(Duration::from_millis(100)).await, "another queue's");
    // The last ring of many is heard.
    for _ in 0..100 {
        one.ring(Queue::Compute);
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let last = other.listen(&Queue::ALL);
    one.ring(Queue::HighMemory);
    assert!(last.wait(LONG).await);
}

async fn cancels(one: &Cache, other: &Cache) {
    let (mut own, mut far) = (one.cancels(), other.cancels());
    one.mark_cancelled();
    for hints in [&mut own, &mut far] {
        tokio::time::timeout(LONG, hints.changed()).await.unwrap().unwrap();
    }
}

async fn progress(one: &Cache, other: &Cache) {
    let (project, stranger) = (ProjectId::from_random([1; 24]), ProjectId::from_random([2; 24]));
    let (comparison, another) = (ComparisonId(7), ComparisonId(77));
    assert_eq!(one.progress(project, comparison, 10, 100).await, 10);
    one.report_progress(project, comparison, TaskId(1), 20);
    other.report_progress(project, comparison, TaskId(2), 5);
    other.report_progress(project, another, TaskId(3), 50);
    until("both reports", async || other.progress(project, comparison, 10, 100).await == 35).await;
    assert_eq!(one.progress(project, another, 0, 100).await, 50);
    assert_eq!(one.progress(stranger, comparison, 0, 100).await, 0);
    // A worker dies, its task begins again elsewhere: what was shown stays.
    other.report_progress(project, comparison, TaskId(1), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(one.progress(project, comparison, 10, 100).await, 35);
    // Never more than all there is, however often something is counted.
    one.report_progress(project, comparison, TaskId(1), 99);
    until("the clamp", async || other.progress(project, comparison, 10, 100).await == 100).await;
    one.end_progress(project, comparison, TaskId(1));
    one.end_progress(project, comparison, TaskId(2));
    assert_eq!(one.progress(project, comparison, 60, 100).await, 100);
    one.forget_project(project).await;
    until("the other to know", async || other.progress(project, comparison, 0, 100).await == 0).await;
    one.report_progress(project, comparison, TaskId(1), 99);
    other.report_progress(project, comparison, TaskId(2), 99);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(one.progress(project, comparison, 0, 100).await, 0, "nothing is kept of a deleted project");
}

async fn status(one: &Cache, other: &Cache) {
    let now = Timestamp(5_000_000);
    let document = |text: &str| CachedStatus::Document(text.to_owned());
    one.clear_status().await;
    let CachedStatus::Missing(generation) = one.status(now).await.unwrap() else {
        panic!("nothing is kept yet")
    };
    one.keep_status(now, "first", generation).await;
    until("the document", async || other.status(now).await.unwrap() == document("first")).await;
    other.clear_status().await;
    until("the change", async || one.status(now).await.unwrap() != document("first")).await;
    one.keep_status(now, "outdated", generation).await;
    assert!(matches!(other.status(now).await.unwrap(), CachedStatus::Missing(_)), "made before the change");
}

async fn rates(one: &Cache, other: &Cache) {
    let (busy, idle) = (Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into());
    let now = Duration::from_secs(1);
    let take = async |cache: &Cache, client: IpAddr| cache.take(client, now).await;
    for at in 0..5 {
        assert_eq!(take(if at % 2 == 0 { one } else { other }, busy).await, Ok(()), "request {at}");
    }
    let wait = take(other, busy).await.unwrap_err();
    assert!(wait > Duration::from_millis(100) && wait <= Duration::from_millis(500), "{wait:?}");
    assert_eq!(take(one, idle).await, Ok(()), "other clients aren't touched");
}

#[tokio::test]
async fn inside_one_process() {
    let cache = Cache::local(Some(LIMIT));
    all(&cache, &cache.clone()).await;
    assert_eq!(cache.degraded(), None);
    let off = Cache::local(None);
    for _ in 0..1000 {
        assert_eq!(off.take(Ipv4Addr::LOCALHOST.into(), Duration::ZERO).await, Ok(()));
    }
}
