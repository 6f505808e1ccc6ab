//! Buckets sorted on other threads, ahead of their use.

use std::sync::mpsc::sync_channel;

use super::Sorted;
use crate::matching::key::Key;

/// Batches that may wait for their taker, of each thread.
const AHEAD: usize = 4;

impl<K: Key> Sorted<K> {
    /// Hands all keys to `take`, in ascending batches, while up to `threads` threads, this one included, are at work.
    ///
    /// # Errors
    /// What `take` says; it is not asked again then.
    pub fn each<E>(mut self, threads: usize, mut take: impl FnMut(&[K]) -> Result<(), E>) -> Result<(), E> {
        if threads <= 1 {
            let mut batch = Vec::new();
            loop {
                batch.clear();
                self.next_batch(&mut batch);
                if batch.is_empty() {
                    return Ok(());
                }
                take(&batch)?;
            }
        }
        let sorters = threads - 1;
        let mut shares: Vec<Vec<Self>> = (0..sorters).map(|_| Vec::new()).collect();
        let mut parts = 0;
        for part in self.into_parts() {
            shares[parts % sorters].push(part);
            parts += 1;
        }
        std::thread::scope(|scope| {
            let sources: Vec<_> = shares
                .into_iter()
                .map(|share| {
                    let (made, source) = sync_channel::<Vec<K>>(AHEAD);
                    scope.spawn(move || {
                        for mut part in share {
                            // A part ends with an empty batch.
                            loop {
                                let mut batch = Vec::new();
                                part.next_batch(&mut batch);
                                let end = batch.is_empty();
                                // Nobody listens any more after an error.
                                if made.send(batch).is_err() {
                                    return;
                                }
                                if end {
                                    break;
                                }
                            }
                        }
                    });
                    source
                })
                .collect();
            for part in 0..parts {
                loop {
                    let batch = sources[part % sorters].recv().expect("a sorting thread panicked");
                    if batch.is_empty() {
                        break;
                    }
                    take(&batch)?;
                }
            }
            Ok(())
        })
    }
}
