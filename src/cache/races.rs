//! Wake-ups under schedules that `shuttle` chooses: whoever listens before looking is never left asleep over work.

use std::sync::Arc;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::Mutex;

use super::wake::WakeUps;
use crate::domain::Queue;

/// Schedules of each kind that a test tries.
const SCHEDULES: usize = 1500;
/// Tasks that come, one for each queue.
const TASKS: usize = Queue::ALL.len();

/// What stands for the ledger: tasks that wait, and how many have been done.
#[derive(Default)]
struct Ledger {
    waiting: Vec<Queue>,
    done: usize,
}

/// Idle workers that only a ring wakes; a schedule that leaves one asleep for ever is a deadlock, which shuttle reports.
fn workers(listens_first: bool) {
    let (bells, ledger) = (WakeUps::default(), Arc::new(Mutex::new(Ledger::default())));
    let working = [&Queue::ALL[..], &Queue::ALL[..1], &Queue::ALL[1..]].map(|queues| {
        let (bells, ledger) = (bells.clone(), ledger.clone());
        spawn(async move {
            loop {
                let mut listener = bells.listen(queues);
                let task = {
                    let mut ledger = ledger.lock().unwrap();
                    if ledger.done == TASKS {
                        return;
                    }
                    let found = ledger.waiting.iter().position(|queue| queues.contains(queue));
                    found.map(|at| ledger.waiting.swap_remove(at))
                };
                if !listens_first {
                    yield_now().await;
                    listener = bells.listen(queues);
                }
                match task {
                    None => assert!(listener.rung().await),
                    Some(_) => {
                        let mut ledger = ledger.lock().unwrap();
                        ledger.done += 1;
                        if ledger.done == TASKS {
                            bells.ring_all();
                        }
                    }
                }
            }
        })
    });
    for queue in Queue::ALL {
        let (bells, ledger) = (bells.clone(), ledger.clone());
        spawn(async move {
            ledger.lock().unwrap().waiting.push(queue);
            bells.ring(queue);
        });
    }
    for worker in working {
        block_on(worker).unwrap();
    }
    assert!(ledger.lock().unwrap().waiting.is_empty());
}

fn run(scheduler: impl Scheduler + 'static, scene: fn()) {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 18;
    shuttle::Runner::new(scheduler, config).run(scene);
}

#[test]
fn no_ring_is_lost_on_who_listens_before_looking() {
    run(RandomScheduler::new_from_seed(7, SCHEDULES), || workers(true));
    run(PctScheduler::new_from_seed(7, 3, SCHEDULES), || workers(true));
}

#[test]
#[should_panic(expected = "deadlock")]
fn who_listens_after_looking_may_sleep_for_ever() {
    run(RandomScheduler::new_from_seed(7, SCHEDULES), || workers(false));
}
