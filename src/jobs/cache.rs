//! A cache bounded by memory: what was used last stays. Whoever asks for what is being loaded waits for it.
//!
//! What somebody holds is not dropped: that would free nothing, and the next asker would load it a second time. So tasks that
//! need two heavy values each find both again, even if the bound has room for one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::sync::{Mutex, MutexGuard, PoisonError};
use crate::telemetry::metrics;

/// Something whose memory is known.
pub(super) trait Weighed: Send + Sync {
    /// Bytes of memory that it holds.
    fn weight(&self) -> usize;
}

/// Values by key, together no heavier than a bound, save that a single value may be heavier, and those in use together.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    /// In metrics.
    name: &'static str,
    bound: usize,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// Counts accesses; the slot with the lowest number was used least recently.
    clock: u64,
}

type Cell<V> = Arc<OnceCell<Arc<V>>>;

#[derive(Debug)]
struct Slot<V> {
    cell: Cell<V>,
    /// Unknown while the value is being loaded.
    weight: Option<usize>,
    used: u64,
}

impl<V> Slot<V> {
    /// Whether it is loaded, and nobody but the cache holds it.
    fn idle(&self) -> bool {
        self.weight.is_some() && self.cell.get().is_some_and(|value| Arc::strong_count(value) == 1)
    }
}

/// Somebody who wants a value, until it is there, can't be had, or is not waited for any more.
struct Asker<'c, K: Hash + Eq + Clone, V: Weighed> {
    cache: &'c Cache<K, V>,
    key: &'c K,
    cell: Cell<V>,
}

impl<K: Hash + Eq + Clone, V: Weighed> Drop for Asker<'_, K, V> {
    fn drop(&mut self) {
        // Given up under the lock, so that the last asker of a value that can't be had knows that it is.
        let mut inner = self.cache.lock();
        let cell = std::mem::take(&mut self.cell);
        inner.settle(self.key, cell, self.cache.bound);
    }
}

impl<K: Hash + Eq + Clone, V: Weighed> Cache<K, V> {
    /// A cache of this name in metrics that holds about `bound` bytes at most.
    pub(super) fn new(name: &'static str, bound: usize) -> Self {
        Self { name, bound, inner: Mutex::new(Inner { slots: HashMap::new(), clock: 0 }) }
    }

    /// The value of a key, from memory or by loading it. A failed load is not remembered.
    pub(super) async fn get<E, F>(&self, key: &K, load: F) -> Result<Arc<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let asker = self.ask(key);
        metrics().looked(self.name, asker.cell.initialized());
        asker.cell.get_or_try_init(|| async { load.await.map(Arc::new) }).await.cloned()
    }

    fn ask<'c>(&'c self, key: &'c K) -> Asker<'c, K, V> {
        let mut inner = self.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let new = || Slot { cell: Arc::default(), weight: None, used: clock };
        let slot = inner.slots.entry(key.clone()).or_insert_with(new);
        slot.used = clock;
        Asker { cache: self, key, cell: slot.cell.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, V: Weighed> Inner<K, V> {
    /// Notes what came of a cell: weighs a loaded value and drops what is too much; forgets what nobody loads any more.
    fn settle(&mut self, key: &K, cell: Cell<V>, bound: usize) {
        // What was dropped meanwhile is nobody's business here, nor what is loaded in its place.
        let Some(slot) = self.slots.get_mut(key).filter(|slot| Arc::ptr_eq(&slot.cell, &cell)) else {
            return;
        };
        drop(cell);
        match slot.cell.get() {
            Some(value) => slot.weight = Some(value.weight()),
            None if Arc::strong_count(&slot.cell) > 1 => return,
            None => {
                self.slots.remove(key);
                return;
            }
        }
        let mut total: usize = self.slots.values().filter_map(|slot| slot.weight).sum();
        while total > bound {
            let idle = self.slots.iter().filter(|(other, slot)| slot.idle() && *other != key);
            let Some(oldest) = idle.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) else {
                break;
            };
            total -= self.slots.remove(&oldest).and_then(|slot| slot.weight).unwrap_or(0);
        }
    }
}

#[cfg(test)]
impl<K: Hash + Eq + Clone, V: Weighed> Cache<K, V> {
    /// For tests: keys of loaded values with their weights, and how many slots have no value.
    pub(super) fn census(&self) -> (HashMap<K, usize>, usize) {
        let slots = &self.lock().slots;
        let loaded = slots.iter().filter_map(|(key, slot)| Some((key.clone(), slot.weight?)));
        let loaded: HashMap<K, usize> = loaded.collect();
        let rest = slots.len() - loaded.len();
        (loaded, rest)
    }
}
