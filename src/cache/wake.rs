//! Wake-ups: whoever enqueues work rings, idle workers listen.
//!
//! A worker starts to listen *before* it looks into the ledger: work that comes between the look and the wait then still
//! wakes it.

use std::time::Duration;

use tokio::sync::watch;

/// A bell that all workers of the process hear.
#[derive(Debug, Clone)]
pub struct WakeUps {
    bell: watch::Sender<u64>,
}

impl Default for WakeUps {
    fn default() -> Self {
        Self { bell: watch::Sender::new(0) }
    }
}

impl WakeUps {
    /// Wakes every idle worker.
    pub fn ring(&self) {
        self.bell.send_modify(|count| *count += 1);
    }

    /// Starts to listen; rings from now on are heard by `Listener::wait`.
    pub fn listen(&self) -> Listener {
        Listener { bell: self.bell.subscribe() }
    }
}

/// Ears of one idle worker.
#[derive(Debug)]
pub struct Listener {
    bell: watch::Receiver<u64>,
}

impl Listener {
    /// Returns at the first ring since [`WakeUps::listen`], or after `longest`.
    pub async fn wait(mut self, longest: Duration) {
        // A timeout and a closed bell mean the same to the caller: look into the ledger again.
        let _ = tokio::time::timeout(longest, self.bell.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ring_after_listening_is_heard() {
        let wake_ups = WakeUps::default();
        let before = tokio::time::Instant::now();
        let listener = wake_ups.listen();
        wake_ups.ring();
        listener.wait(Duration::from_secs(60)).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        wake_ups.listen().wait(Duration::from_secs(60)).await;
        assert_eq!(before.elapsed(), Duration::from_secs(60));
    }
}
