//! Wake-ups: whoever enqueues work rings, idle workers listen.
//!
//! A worker starts to listen *before* it looks into the ledger: work that comes between the look and the wait then still
//! wakes it.

use std::time::Duration;

use tokio::sync::watch;

use crate::domain::Queue;

/// How often each queue has been rung.
type Counts = [u64; Queue::ALL.len()];

/// Place of a queue among all queues.
pub(super) fn place(queue: Queue) -> usize {
    match queue {
        Queue::Default => 0,
        Queue::Compute => 1,
        Queue::HighMemory => 2,
    }
}

/// Bells, one for each queue, that all workers of the process hear.
#[derive(Debug, Clone)]
pub(super) struct WakeUps {
    bells: watch::Sender<Counts>,
}

impl Default for WakeUps {
    fn default() -> Self {
        Self { bells: watch::Sender::new(Counts::default()) }
    }
}

impl WakeUps {
    /// Wakes every idle worker that serves this queue.
    pub fn ring(&self, queue: Queue) {
        self.bells.send_modify(|counts| counts[place(queue)] += 1);
    }

    /// Wakes every idle worker.
    pub fn ring_all(&self) {
        self.bells.send_modify(|counts| counts.iter_mut().for_each(|count| *count += 1));
    }

    /// Starts to listen; rings from now on are heard by [`Listener::wait`].
    pub fn listen(&self, queues: &[Queue]) -> Listener {
        let bells = self.bells.subscribe();
        let heard = *bells.borrow();
        Listener { bells, heard, places: queues.iter().map(|queue| place(*queue)).collect() }
    }
}

/// Ears of one idle worker.
#[derive(Debug)]
pub struct Listener {
    bells: watch::Receiver<Counts>,
    heard: Counts,
    places: Vec<usize>,
}

impl Listener {
    /// Returns at the first ring since it began to listen, or after `longest`; true if it was a ring.
    pub async fn wait(mut self, longest: Duration) -> bool {
        matches!(tokio::time::timeout(longest, self.rung()).await, Ok(true))
    }

    /// Returns at the first ring since it began to listen; false if no more can come.
    pub(super) async fn rung(&mut self) -> bool {
        let (heard, places) = (self.heard, &self.places);
        self.bells.wait_for(|counts| places.iter().any(|at| counts[*at] != heard[*at])).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_ring_after_listening_is_heard() {
        let wake_ups = WakeUps::default();
        let before = tokio::time::Instant::now();
        let listener = wake_ups.listen(&Queue::ALL);
        wake_ups.ring(Queue::Compute);
        assert!(listener.wait(MINUTE).await);
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert!(!wake_ups.listen(&Queue::ALL).wait(MINUTE).await);
        assert_eq!(before.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn other_queues_bells_are_not_heard() {
        let wake_ups = WakeUps::default();
        let (one, all) = (wake_ups.listen(&[Queue::HighMemory]), wake_ups.listen(&[Queue::HighMemory]));
        wake_ups.ring(Queue::Default);
        assert!(!one.wait(MINUTE).await);
        wake_ups.ring_all();
        assert!(all.wait(MINUTE).await);
    }
}
