//! The cache on real servers: the conformance suite, and what happens when they go away and come back.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::cache::conformance::{self, LIMIT, until};
use crate::cache::{Cache, CachedStatus};
use crate::config::RedisArgs;
use crate::domain::{ComparisonId, ProjectId, Queue, TaskId, Timestamp};
use crate::stack::{Redis, RedisSet};

const NOW: Timestamp = Timestamp(5_000_000);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    redis: RedisArgs,
}

fn cache(flags: &[&str]) -> Cache {
    let args = Flags::parse_from(["test"].iter().chain(flags)).redis;
    Cache::connect(&args, Some(LIMIT)).unwrap()
}

async fn connected(flags: &[&str]) -> Cache {
    let cache = cache(flags);
    healthy(&cache).await;
    cache
}

async fn healthy(cache: &Cache) {
    let start = Instant::now();
    while let Some(reason) = cache.degraded() {
        assert!(start.elapsed() < Duration::from_secs(30), "still degraded: {reason}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until rings of one process reach the other.
async fn rings_flow(one: &Cache, other: &Cache) {
    until("rings", async || {
        let listener = other.listen(&[Queue::Default]);
        one.ring(Queue::Default);
        listener.wait(Duration::from_millis(200)).await
    })
    .await;
}

/// Nothing takes long, and the process goes on by itself.
async fn quick_without_redis(cache: &Cache) {
    let start = Instant::now();
    let listener = cache.listen(&[Queue::Compute]);
    cache.ring(Queue::Compute);
    assert!(listener.wait(Duration::ZERO).await, "its own workers hear it");
    cache.mark_cancelled();
    let (project, comparison) = (ProjectId::from_random([9; 24]), ComparisonId(9));
    cache.report_progress(project, comparison, TaskId(1), 5);
    assert_eq!(cache.progress(project, comparison, 3, 10).await, 3);
    cache.clear_status().await;
    assert!(cache.status(NOW).await.is_err());
    cache.forget_project(project).await;
    let client = Ipv4Addr::new(10, 9, 9, 9).into();
    let mut allowed = 0;
    for _ in 0..20 {
        allowed += u32::from(cache.take(client, Duration::from_secs(1)).await.is_ok());
    }
    assert_eq!(allowed, 5, "this process's own bucket");
    // Only time shows that nobody waits. Each of these questions, had it waited for the connection to be given up, would have taken
    // a second and more.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn one_server() {
    let redis = Redis::start("hunter2");
    let flags = ["--redis-server", &redis.address(), "--redis-password", "hunter2"];
    let (one, other) = (connected(&flags).await, connected(&flags).await);
    rings_flow(&one, &other).await;
    conformance::all(&one, &other).await;
    rings_flow(&other, &one).await;
    for key in redis.keys() {
        assert!(redis.cli(&["PTTL", &key]).parse::<i64>().unwrap() > 0, "{key} does not expire");
        assert!(key.starts_with("anonlink:") && !key.contains("project"), "{key} was left behind");
    }
    measure(&one, &other).await;
    // Flushed, scripts as well: nothing breaks.
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["SCRIPT", "FLUSH"]);
    conformance::all(&one, &other).await;
    assert_eq!((one.degraded(), other.degraded()), (None, None));
}

async fn measure(one: &Cache, other: &Cache) {
    let mut rings = Vec::new();
    for _ in 0..200 {
        let listener = other.listen(&[Queue::HighMemory]);
        let start = Instant::now();
        one.ring(Queue::HighMemory);
        assert!(listener.wait(Duration::from_secs(5)).await);
        rings.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(45)).await;
    }
    let mut takes = Vec::new();
    for at in 0..2000_u32 {
        let start = Instant::now();
        let _ = one.take(Ipv4Addr::from(at % 50).into(), Duration::ZERO).await;
        takes.push(start.elapsed());
    }
    for (what, mut times) in [("ring to another client", rings), ("rate limit", takes)] {
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!("{what}: median {:?}, p99 {:?}, worst {:?}", at(0.5), at(0.99), at(1.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn away_and_back() {
    let mut redis = Redis::start("");
    let address = redis.address();
    let flags = ["--redis-server", &*address];
    let (one, other) = (connected(&flags).await, connected(&flags).await);
    rings_flow(&one, &other).await;
    redis.daemon.stop();
    until("the loss to be told", async || one.degraded().is_some()).await;
    quick_without_redis(&one).await;
    assert!(one.poll().1 < Duration::from_secs(2));
    // A process that starts meanwhile starts all the same.
    let late = cache(&flags);
    quick_without_redis(&late).await;
    assert!(late.degraded().is_some());
    redis.daemon.restart();
    for cache in [&one, &other, &late] {
        healthy(cache).await;
    }
    rings_flow(&one, &other).await;
    rings_flow(&other, &late).await;
    assert!(matches!(one.status(NOW).await, Ok(CachedStatus::Missing(_))));
}

/// Connections that wait for a server to accept them.
fn waiting(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // Of a socket that listens (state 0A of proc_net_tcp) the length of the queue is told after the colon of the fifth field.
    let listener = format!(":{port:04X} 00000000:0000 0A ");
    let line = table.lines().find(|line| line.contains(&listener)).unwrap();
    let (_, length) = line.split_whitespace().nth(4).unwrap().split_once(':').unwrap();
    usize::from_str_radix(length, 16).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn a_frozen_server_delays_nobody_for_long() {
    let redis = Redis::start("");
    let address = redis.address();
    let flags = ["--redis-server", &*address, "--redis-socket-timeout", "1"];
    let cache = connected(&flags).await;
    redis.daemon.signal("STOP");
    quick_without_redis(&cache).await;
    until("the loss to be told", async || cache.degraded().is_some()).await;
    until("its connection to be given up for a new one", async || waiting(redis.port) > 0).await;
    redis.daemon.signal("CONT");
    healthy(&cache).await;
    rings_flow(&cache, &connected(&flags).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn a_wrong_password_is_told_and_not_shown() {
    let redis = Redis::start("hunter2");
    let address = redis.address();
    for (password, word) in [("swordfish", "WRONGPASS"), ("", "NOAUTH")] {
        let cache = cache(&["--redis-server", &address, "--redis-password", password]);
        until("a reason", async || cache.degraded().is_some_and(|reason| reason.contains("password"))).await;
        let reason = cache.degraded().unwrap();
        assert!(reason.contains(word) && !reason.contains("swordfish"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn tls_is_verified() {
    let redis = Redis::start_tls("hunter2");
    let (address, ca) = (redis.address(), redis.ca().display().to_string());
    let flags =
        ["--redis-server", &address, "--redis-password", "hunter2", "--redis-tls", "--redis-ca-file", &ca];
    let (one, other) = (connected(&flags).await, connected(&flags).await);
    rings_flow(&one, &other).await;
    conformance::all(&one, &other).await;
    let stranger = cache(&flags[..5]);
    until("the reason", async || stranger.degraded().is_some_and(|reason| reason.contains("Certificate")))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "infra: needs Redis"]
async fn a_set_behind_sentinel() {
    let mut set = RedisSet::start();
    let sentinels = set.sentinels();
    let flags = [
        "--redis-server",
        &*sentinels,
        "--redis-use-sentinel",
        "--redis-password",
        RedisSet::PASSWORD,
        "--redis-sentinel-password",
        RedisSet::SENTINEL_PASSWORD,
    ];
    let (one, other) = (connected(&flags).await, connected(&flags).await);
    rings_flow(&one, &other).await;
    let replica = || one.shared().replica().address();
    until("a replica", async || replica().is_some_and(|(_, port)| port != set.master_port())).await;
    conformance::all(&one, &other).await;
    for _ in 0..2 {
        set.kill_master();
        let start = Instant::now();
        until("the loss to be told", async || one.degraded().is_some()).await;
        healthy(&one).await;
        healthy(&other).await;
        rings_flow(&one, &other).await;
        rings_flow(&other, &one).await;
        println!("rings flow {:?} after the master was killed", start.elapsed());
        set.revive();
        set.settled();
        until("a replica", async || replica().is_some_and(|(_, port)| port != set.master_port())).await;
    }
    conformance::all(&one, &other).await;
}
