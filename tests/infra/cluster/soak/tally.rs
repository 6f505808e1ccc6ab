//! What is counted during a soak.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Counts by name, and the names that tell whether anything was lost or done twice.
#[derive(Default)]
pub struct Tally {
    counts: Mutex<BTreeMap<String, u64>>,
    /// Names of projects and runs whose posting had no answer: they may be there or not, but once at most.
    unanswered: Mutex<BTreeSet<String>>,
    failed: AtomicBool,
    calm: OnceLock<Instant>,
}

impl Tally {
    /// Counts one.
    pub fn add(&self, name: impl Into<String>) {
        *self.counts.lock().unwrap().entry(name.into()).or_default() += 1;
    }

    /// How many there are whose names begin like this.
    pub fn of(&self, name: &str) -> u64 {
        let counts = self.counts.lock().unwrap();
        counts.iter().filter(|(found, _)| found.starts_with(name)).map(|(_, count)| count).sum()
    }

    /// Notes that nobody answered a posting.
    pub fn unanswered(&self, name: &str) {
        self.unanswered.lock().unwrap().insert(name.to_owned());
    }

    /// Whether that is so.
    pub fn is_unanswered(&self, name: &str) -> bool {
        self.unanswered.lock().unwrap().contains(name)
    }

    /// From now on nobody does harm.
    pub fn calm(&self) {
        self.calm.get_or_init(Instant::now);
    }

    /// How long nobody has done harm.
    pub fn calm_for(&self) -> Duration {
        self.calm.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Ends the soak early: something is wrong.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Whether something is wrong.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// All counts, a line each.
    pub fn lines(&self) -> String {
        let counts = self.counts.lock().unwrap();
        counts.iter().map(|(name, count)| format!("{count:>8}  {name}\n")).collect()
    }
}
