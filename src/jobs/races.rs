//! What tasks of one process share, under schedules that `shuttle` chooses: at each lock, another thread may come first.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;

use crate::db::Lease;
use crate::domain::TaskId;
use cache::{Cache, Weighed};
use kept::Register;

#[allow(dead_code, clippy::duplicate_mod)]
#[path = "cache.rs"]
mod cache;
#[allow(clippy::duplicate_mod)]
#[path = "kept.rs"]
mod kept;

mod sync {
    pub(super) use shuttle::sync::atomic::{AtomicBool, Ordering};
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

/// Schedules of each kind that a test tries.
const SCHEDULES: usize = 1500;

/// Runs a scene under random schedules, and under such as find bugs that few switches of threads bring about.
fn try_schedules(scene: fn()) {
    fn run(scheduler: impl Scheduler + 'static, scene: fn()) {
        let mut config = shuttle::Config::new();
        config.stack_size = 1 << 18;
        shuttle::Runner::new(scheduler, config).run(scene);
    }
    // Made once, outside: it takes locks of its own.
    crate::telemetry::metrics();
    run(RandomScheduler::new_from_seed(7, SCHEDULES), scene);
    run(PctScheduler::new_from_seed(7, 3, SCHEDULES), scene);
}

struct Weight(usize);

impl Weighed for Weight {
    fn weight(&self) -> usize {
        self.0
    }
}

/// A value of a key weighs as much as this.
fn weight_of(key: usize) -> usize {
    // One weighs nothing, as a plan without blocks does.
    [0, 40, 70][key]
}

const BOUND: usize = 100;

/// Askers for three values of which two fit: some loads fail, some askers go away, none loads what is being loaded.
fn askers() {
    let cache = Arc::new(Cache::<usize, Weight>::new("test", BOUND));
    let loading: Arc<[AtomicUsize; 3]> = Arc::default();
    let asker = |who: usize| {
        let (cache, loading) = (cache.clone(), loading.clone());
        async move {
            for turn in 0..4 {
                let key = (who + turn * who.max(1)) % 3;
                let load = async {
                    assert_eq!(loading[key].fetch_add(1, SeqCst), 0, "{key} is being loaded already");
                    for _ in 0..=2 * (key + turn) % 3 {
                        yield_now().await;
                    }
                    loading[key].fetch_sub(1, SeqCst);
                    if who == 1 { Err("away") } else { Ok(Weight(weight_of(key))) }
                };
                match cache.get(&key, load).await {
                    Ok(value) => assert_eq!(value.0, weight_of(key)),
                    Err(_) => assert_eq!(who, 1, "a failure is its asker's alone"),
                }
            }
        }
    };
    let tasks = [0, 1, 2, 3].map(|who| spawn(asker(who)));
    let leaver = cache.clone();
    let leaving = spawn(async move {
        let load = async {
            yield_now().await;
            Ok::<_, ()>(Weight(weight_of(2)))
        };
        drop(leaver.get(&2, load).await);
    });
    thread::yield_now();
    leaving.abort();
    for task in tasks {
        block_on(task).unwrap();
    }
    let _ = block_on(leaving);
    // What was in use when room was wanted goes at the next occasion.
    let last = async { Ok::<_, ()>(Weight(weight_of(0))) };
    assert!(block_on(cache.get(&0, last)).is_ok());
    let (kept, others) = cache.census();
    assert_eq!(others, 0, "nothing is being loaded any more");
    assert!(kept.iter().all(|(key, weight)| *weight == weight_of(*key)), "{kept:?}");
    assert!(kept.values().sum::<usize>() <= BOUND, "{kept:?}");
}

#[test]
fn values_are_loaded_once_at_a_time_and_leave_nothing_behind() {
    try_schedules(askers);
}

/// Two claims of one task, the second after the first lost its lease, beside the thread that renews and a shutdown.
fn claims() {
    let register = Arc::<Register>::default();
    let (first, second, other) =
        ((TaskId(1), Lease([1; 16])), (TaskId(1), Lease([2; 16])), (TaskId(2), Lease([3; 16])));
    let old = register.keep(first.0, first.1);
    let renewing = thread::spawn({
        let register = register.clone();
        move || {
            for claim in register.claims() {
                if claim == first {
                    register.stop(&claim);
                }
            }
        }
    });
    let working = thread::spawn({
        let register = register.clone();
        move || {
            let new = register.keep(second.0, second.1);
            thread::yield_now();
            let kept: HashSet<_> = register.claims().into_iter().collect();
            assert!(kept.contains(&second), "the end of another claim does not end this one");
            new
        }
    });
    let stopping = thread::spawn({
        let register = register.clone();
        move || register.stop_all()
    });
    let late = register.keep(other.0, other.1);
    thread::yield_now();
    drop(old);
    renewing.join().unwrap();
    stopping.join().unwrap();
    let new = working.join().unwrap();
    let told = |kept: &kept::KeptAlive| kept.cancelled.load(sync::Ordering::Relaxed);
    assert!(told(&new) && told(&late), "a shutdown reaches all, whenever they began");
    drop((new, late));
    assert!(register.claims().is_empty());
}

#[test]
fn each_claim_is_kept_and_stopped_for_itself() {
    try_schedules(claims);
}
