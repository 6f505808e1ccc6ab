//! What a process hears, from itself and from others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::wake::WakeUps;
use crate::domain::ProjectId;

/// How long a deleted project is remembered: longer than any worker can go on with it unknowingly.
const REMEMBERED: Duration = Duration::from_secs(120);

/// Bells, hints that tasks were cancelled, and projects that are gone.
#[derive(Debug)]
pub(super) struct Signals {
    pub wake: WakeUps,
    cancels: watch::Sender<u64>,
    gone: Mutex<HashMap<ProjectId, Instant>>,
}

impl Default for Signals {
    fn default() -> Self {
        Self { wake: WakeUps::default(), cancels: watch::Sender::new(0), gone: Mutex::default() }
    }
}

impl Signals {
    /// Tells that some task has been cancelled.
    pub fn cancel(&self) {
        self.cancels.send_modify(|count| *count += 1);
    }

    /// Changes whenever some task has been cancelled.
    pub fn cancels(&self) -> watch::Receiver<u64> {
        self.cancels.subscribe()
    }

    /// Tells that a project has been deleted.
    pub fn gone(&self, project: ProjectId) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(|_, at| at.elapsed() < REMEMBERED);
        gone.insert(project, Instant::now());
        drop(gone);
        self.cancel();
    }

    /// Whether a project was deleted lately.
    pub fn is_gone(&self, project: ProjectId) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&project)
    }
}
