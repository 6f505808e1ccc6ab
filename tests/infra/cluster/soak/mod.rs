//! A cluster under mixed load while everything in it is killed, frozen, cut off and restarted at random. Afterwards each run that was
//! accepted has completed with the exact result, or was deleted by its owner, and nothing is left behind.
//!
//! `ANONLINK_SOAK_SECONDS` (60) and `ANONLINK_SOAK_SEED` (the time) say for how long and by which dice. `just soak` takes 20 minutes.

mod client;
mod data;
mod faults;
mod leaks;
mod tally;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cluster::kit::{BUSY, Cluster};
use crate::service::numbers;
use crate::stack::Fault;
use client::{Client, Linkage};
use data::Data;
use faults::Faults;
use leaks::held;
use tally::Tally;

/// MiB that a worker's caches may still grow by when they are not full yet: tables of scores, tiles.
const CACHES: u64 = 64 + 16;

/// Clients at once.
const CLIENTS: u64 = 6;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Mostly small data; the last is cut into some forty tasks.
fn all_data() -> Vec<Data> {
    vec![
        Data::pair(120, 1, &[0.41, 0.8]),
        Data::pair(150, 2, &[0.43, 0.9]),
        Data::three(70, 3, &[0.42, 0.8]),
        Data::blocked(160, 4, &[0.4, 0.8]),
        Data::pair(1500, 5, &[0.43, 0.75]),
    ]
}

/// The next data for a client: the large ones seldom.
fn choose(data: &[Data], random: u64) -> &Data {
    let place = (random >> 20) as usize % 24;
    data.get(place % 6).filter(|_| place % 6 < 4).unwrap_or(&data[if place < 12 { 4 } else { 0 }])
}

#[test]
fn a_soaked_cluster_loses_nothing_and_leaks_nothing() {
    let time = Duration::from_secs(setting("ANONLINK_SOAK_SECONDS").unwrap_or(60));
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let seed = setting("ANONLINK_SOAK_SEED").unwrap_or_else(now);
    println!("soak of {} s, seed {seed}", time.as_secs());
    let data = all_data();
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().to_str().unwrap();
    // Leases that a freeze may outlast, and a busy machine's heartbeat does not.
    let more = [
        BUSY[0],
        ("LEASE_SECONDS", "3"),
        ("UPLOAD_IDLE_SECONDS", "3"),
        ("TILE_CACHE", "16MiB"),
        ("TMPDIR", folder),
    ];
    let mut cluster = Cluster::start_with_proxies(2, 3, &more);
    let (url, tally, kept) = (cluster.url(), Tally::default(), Mutex::new(Vec::<Linkage>::new()));
    let client = |number| {
        let dice = numbers(seed.wrapping_mul(1000).wrapping_add(number));
        Client { url: url.clone(), number, tally: &tally, random: Box::new(dice), posted: 0 }
    };

    // Everybody has done something before what is held is counted.
    let mut warm = client(0);
    for data in &data {
        if let Some(linkage) = warm.link(data) {
            warm.revisit(linkage);
        }
    }
    let survivors = [cluster.api[0].pid(), cluster.workers[0].pid()];
    let before = survivors.map(|pid| (pid, held(pid)));
    let mut early_memory = None;

    let start = Instant::now();
    std::thread::scope(|scope| {
        for number in 1..=CLIENTS {
            let mut client = client(number);
            let (data, kept, tally) = (&data, &kept, &tally);
            scope.spawn(move || {
                // If it panics the others needn't go on.
                let watch = FailOnPanic(tally);
                while start.elapsed() < time && !tally.has_failed() {
                    let chosen = choose(data, (client.random)());
                    if let Some(linkage) = client.link(chosen) {
                        kept.lock().unwrap().push(linkage);
                    }
                }
                drop(watch);
            });
        }
        let _watch = FailOnPanic(&tally);
        let dice = numbers(seed);
        let mut faults = Faults { cluster: &mut cluster, tally: &tally, random: Box::new(dice) };
        while start.elapsed() < time && !tally.has_failed() {
            faults.round();
            if early_memory.is_none() && start.elapsed() > time / 4 {
                early_memory = Some(survivors.map(|pid| held(pid).mebibytes));
            }
        }
        tally.calm();
        if tally.has_failed() {
            // For whoever looks for the reason.
            println!("{}\n{}", faults.cluster.sql("SELECT * FROM tasks"), tally.lines());
        }
    });
    println!("all clients are done after {:.0} s", start.elapsed().as_secs_f64());

    cluster.to_minio.set(Fault::None);
    let mut last = client(CLIENTS + 1);
    for linkage in kept.into_inner().unwrap() {
        last.revisit(linkage);
    }
    // What nobody knows of: projects whose tokens were lost with the answer. They are there once, and go when their time comes.
    let names = cluster.sql("SELECT name FROM projects");
    let mut strangers: Vec<&str> = names.lines().collect();
    let count = strangers.len();
    for name in &strangers {
        assert!(tally.is_unanswered(name), "project {name} was deleted by its owner, or is there twice");
        tally.add("projects whose answer was lost, expired");
    }
    strangers.sort_unstable();
    strangers.dedup();
    assert_eq!(strangers.len(), count, "projects are there twice");
    cluster.sql("UPDATE projects SET expires = 1");

    println!("{}", tally.lines());
    let logs = cluster.logs();
    println!("said by the service:\n{}", said(&logs));
    let [serve, work] = early_memory.expect("a quarter of the time");
    let most_memory = [serve + 64, work + 64 + CACHES];
    // A writer that has lost its lease with the database out of reach leaves what it wrote, and says so unless it is killed.
    let left = ["what the task wrote too late is left", "a broken upload could not be given back"];
    let told = logs.lines().filter(|line| left.iter().any(|text| line.contains(text))).count();
    let most_debris = 2 + tally.of("fault: ") / 50 + told as u64;
    leaks::none(&cluster, temporary.path(), &before, most_memory, most_debris);
    println!("nothing is left after {:.0} s", start.elapsed().as_secs_f64());
    let enough = time.as_secs();
    assert!(tally.of("fault: ") >= enough / 6, "too few faults: {}", tally.of("fault: "));
    assert!(
        tally.of("results as wanted") >= enough / 6,
        "too few results: {}",
        tally.of("results as wanted")
    );
}

/// How often the service said what.
///
/// # Panics
/// Something in the service did.
fn said(logs: &str) -> String {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for line in logs.lines() {
        assert!(!line.contains("panicked at"), "{line}");
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        *counts.entry(format!("{}: {}", event["level"], event["message"])).or_default() += 1;
    }
    counts.iter().map(|(line, count)| format!("{count:>8}  {line}\n")).collect()
}

/// Tells the others if its thread panics.
struct FailOnPanic<'a>(&'a Tally);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}
