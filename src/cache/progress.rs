//! Live progress of running compare tasks, kept inside the process.
//!
//! The metadata store counts completed tasks; a worker adds how far its running tasks have come. What is shown must never go
//! back, though a worker may die and its share vanish: the largest figure shown so far is kept as a floor.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{ComparisonId, ProjectId, TaskId};

/// A report of a running task counts for this long: its worker may have died since.
pub(super) const FRESH: Duration = Duration::from_secs(30);
/// A floor is kept for this long after it was last asked for.
const KEPT: Duration = Duration::from_secs(600);

/// Reports and floors.
#[derive(Debug, Default)]
pub(super) struct LocalProgress {
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    running: HashMap<(ProjectId, ComparisonId, TaskId), (u64, Instant)>,
    floors: HashMap<(ProjectId, ComparisonId), (u64, Instant)>,
}

impl LocalProgress {
    /// Notes that a running task has done so many comparisons since it was taken.
    pub fn report(&self, project: ProjectId, comparison: ComparisonId, task: TaskId, done: u64) {
        self.lock().running.insert((project, comparison, task), (done, Instant::now()));
    }

    /// Forgets a task that has ended, however it did.
    pub fn end(&self, project: ProjectId, comparison: ComparisonId, task: TaskId) {
        self.lock().running.remove(&(project, comparison, task));
    }

    /// Comparisons of running tasks.
    pub fn running(&self, project: ProjectId, comparison: ComparisonId) -> u64 {
        let mut all = self.lock();
        all.running.retain(|_, (_, at)| at.elapsed() < FRESH);
        let own = all.running.iter().filter(|((p, c, _), _)| (*p, *c) == (project, comparison));
        own.fold(0, |sum, (_, (done, _))| sum.saturating_add(*done))
    }

    /// Raises the floor to `shown` and returns it: what this process has shown never goes back.
    pub fn raise(&self, project: ProjectId, comparison: ComparisonId, shown: u64) -> u64 {
        let mut all = self.lock();
        all.floors.retain(|_, (_, at)| at.elapsed() < KEPT);
        let floor = all.floors.entry((project, comparison)).or_insert((0, Instant::now()));
        *floor = (floor.0.max(shown), Instant::now());
        floor.0
    }

    /// Forgets all of a project.
    pub fn forget(&self, project: ProjectId) {
        let mut all = self.lock();
        all.running.retain(|(p, _, _), _| *p != project);
        all.floors.retain(|(p, _), _| *p != project);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
