//! A cache bounded by memory: what was used last stays. Whoever asks for what is being loaded waits for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::telemetry::metrics;

/// Something whose memory is known.
pub(super) trait Weighed: Send + Sync {
    /// Bytes of memory that it holds.
    fn weight(&self) -> usize;
}

/// Values by key, together no heavier than a bound, save that a single value may be heavier.
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

#[derive(Debug)]
struct Slot<V> {
    cell: Arc<OnceCell<Arc<V>>>,
    weight: usize,
    used: u64,
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
        let cell = {
            let mut inner = self.lock();
            inner.clock += 1;
            let clock = inner.clock;
            let slot = inner.slots.entry(key.clone()).or_insert_with(|| Slot {
                cell: Arc::default(),
                weight: 0,
                used: clock,
            });
            slot.used = clock;
            slot.cell.clone()
        };
        metrics().looked(self.name, cell.initialized());
        let value = cell.get_or_try_init(|| async { load.await.map(Arc::new) }).await?.clone();
        self.weigh(key, value.weight());
        Ok(value)
    }

    /// Notes the weight of a loaded value and drops what is too much.
    fn weigh(&self, key: &K, weight: usize) {
        let mut inner = self.lock();
        if let Some(slot) = inner.slots.get_mut(key) {
            slot.weight = weight;
        }
        let mut total: usize = inner.slots.values().map(|slot| slot.weight).sum();
        while total > self.bound {
            let loaded = inner.slots.iter().filter(|(other, slot)| slot.weight > 0 && *other != key);
            let Some(oldest) = loaded.min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone()) else {
                break;
            };
            total -= inner.slots.remove(&oldest).map_or(0, |slot| slot.weight);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Block(usize);

    impl Weighed for Block {
        fn weight(&self) -> usize {
            self.0
        }
    }

    #[tokio::test]
    async fn least_recently_used_values_make_room() {
        let cache = Cache::new("test", 100);
        let loads = AtomicUsize::new(0);
        let get = async |key: u32| {
            let load = async {
                loads.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(Block(40))
            };
            cache.get(&key, load).await
        };
        get(1).await.unwrap();
        get(2).await.unwrap();
        get(1).await.unwrap();
        assert_eq!(loads.load(Ordering::Relaxed), 2);
        get(3).await.unwrap();
        get(1).await.unwrap();
        assert_eq!(loads.load(Ordering::Relaxed), 3, "1 was used after 2, so 2 went");
        get(2).await.unwrap();
        assert_eq!(loads.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn many_askers_load_once_and_failures_are_forgotten() {
        let cache = Arc::new(Cache::<u32, Block>::new("test", 100));
        assert_eq!(cache.get(&1, async { Err::<Block, _>("away") }).await.err(), Some("away"));
        let loads = Arc::new(AtomicUsize::new(0));
        let askers = (0..10).map(|_| {
            let (cache, loads) = (cache.clone(), loads.clone());
            tokio::spawn(async move {
                let load = async {
                    tokio::task::yield_now().await;
                    loads.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, ()>(Block(1))
                };
                cache.get(&1, load).await.unwrap().0
            })
        });
        for asker in askers.collect::<Vec<_>>() {
            assert_eq!(asker.await.unwrap(), 1);
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn one_heavy_value_is_kept_alone() {
        let cache = Cache::new("test", 10);
        cache.get(&1, async { Ok::<_, ()>(Block(5)) }).await.unwrap();
        cache.get(&2, async { Ok::<_, ()>(Block(1000)) }).await.unwrap();
        let again = cache.get(&2, async { Err::<Block, _>("loaded again") }).await;
        assert!(again.is_ok());
        assert!(cache.get(&1, async { Err::<Block, _>("gone") }).await.is_err());
    }
}
