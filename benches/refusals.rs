//! How long refusals take of what exists and of what doesn't, by turns: a stranger shall not learn from the time what is there.
//!
//!     cargo bench --bench refusals
//!
//! 20 000 requests of each kind (20 in a mere test) for the runs of a project, by a service in this process that has some 200.

#[path = "../tests/fast/api/support.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Project, Service};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo bench` passes --bench; `cargo test --benches`, which wants to see that it works, does not.
    let rounds = if std::env::args().any(|word| word == "--bench") { 20_000 } else { 20 };
    let service = Service::start().await;
    for _ in 0..200 {
        service.project(json!({})).await;
    }
    let (project, other) = (service.project(json!({})).await, service.project(json!({})).await);
    let gone = service.project(json!({})).await;
    assert_eq!(service.delete(&gone.path(""), &gone.result).await.status, 204);
    let expired = service.project(json!({"expires_in": 3600})).await;
    // Nobody has cleared it away yet.
    service.clock.advance(Duration::from_secs(3601));

    // Something of the form of a token or an identifier.
    let forged = "0123456789abcdef".repeat(3);
    let nowhere = Project { id: forged.clone(), update: Vec::new(), result: forged.clone() };
    let cases = [
        ("no such project, no such token", &nowhere, &forged),
        ("a project, no such token", &project, &forged),
        ("a project, another's token", &project, &other.result),
        ("a project, its update token where it gives no right", &project, &project.update[1]),
        ("a deleted project and its token", &gone, &gone.result),
        ("an expired project and its token", &expired, &expired.result),
    ];
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..rounds {
        for step in 0..cases.len() {
            // Each follows each, so that none always finds what its forerunner left in the caches.
            let case = (step * (1 + round % 2 * 4) + round) % cases.len();
            let (_, project, token) = cases[case];
            let started = Instant::now();
            let answer = service.get(&project.path("/runs"), token).await;
            times[case].push(started.elapsed());
            answer.no_access();
        }
    }
    for ((name, ..), mut times) in cases.into_iter().zip(times) {
        times.sort();
        let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize].as_nanos() as f64 / 1e3;
        println!("{:>7.1} {:>7.1} {:>7.1} µs (5 %, median, 95 %): {name}", at(0.05), at(0.5), at(0.95));
    }
}
