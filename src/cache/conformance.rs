//! What every cache must do, whether it stays inside the process or lies on Redis: `one` and `other` are the caches of two
//! processes, or clones of one.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{Cache, CachedStatus};
use crate::config::RateLimit;
use crate::config::system::OsRandom;
use crate::domain::{ComparisonId, ProjectId, Queue, TaskId, Timestamp, random_bytes};

/// Limit of the caches under test. So slow that a busy machine has made the burst long before the next request is allowed.
pub(super) const LIMIT: RateLimit = RateLimit { per_second: 0.1, burst: 5.0 };
const LONG: Duration = Duration::from_secs(30);

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
    assert!(own.wait(Duration::ZERO).await, "its own at once");
    assert!(far.wait(LONG).await, "the other process's");
    // Whoever it rang for has been woken by now.
    assert!(!deaf.wait(Duration::ZERO).await, "another queue's");
    // Each comes so soon after the one before that it is held back for a while. None is lost.
    for _ in 0..5 {
        let next = other.listen(&[Queue::Compute]);
        one.ring(Queue::Compute);
        assert!(next.wait(LONG).await);
    }
    // Nor is another queue's ring after many.
    for _ in 0..100 {
        one.ring(Queue::Compute);
    }
    let last = other.listen(&[Queue::HighMemory]);
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
    // New ones each time: a deleted project is remembered.
    let fresh = || ProjectId::from_random(random_bytes(&OsRandom));
    let (project, stranger) = (fresh(), fresh());
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
    // Reports of a process come in order: with the second the first is there.
    other.report_progress(project, another, TaskId(3), 51);
    until("a later report", async || one.progress(project, another, 0, 100).await == 51).await;
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
    // They would have come before these.
    one.report_progress(stranger, comparison, TaskId(1), 1);
    other.report_progress(stranger, comparison, TaskId(2), 2);
    until("later reports", async || one.progress(stranger, comparison, 0, 100).await == 3).await;
    assert_eq!(one.progress(project, comparison, 0, 100).await, 0, "nothing is kept of a deleted project");
    one.forget_project(stranger).await;
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
    // New ones each time, who have spent nothing.
    let fresh = || Ipv4Addr::from(random_bytes::<4>(&OsRandom)).into();
    let (busy, idle) = (fresh(), fresh());
    let now = Duration::from_secs(1);
    let take = async |cache: &Cache, client: IpAddr| cache.take(client, now).await;
    for at in 0..5 {
        assert_eq!(take(if at % 2 == 0 { one } else { other }, busy).await, Ok(()), "request {at}");
    }
    let wait = take(other, busy).await.unwrap_err();
    assert!(wait > Duration::from_secs(2) && wait <= Duration::from_secs(10), "{wait:?}");
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
