//! The cache by itself; `races` has it under many schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cache::{Cache, Weighed};

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
    assert_eq!(cache.census().1, 0, "nothing is left of a value that could not be had");
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
async fn what_is_in_use_stays() {
    let cache = Cache::new("test", 10);
    let load = async |key: u32| cache.get(&key, async { Ok::<_, ()>(Block(10)) }).await.unwrap();
    let again = async |key: u32| cache.get(&key, async { Err::<Block, _>("gone") }).await.is_ok();
    let both = (load(1).await, load(2).await);
    assert!(again(1).await && again(2).await);
    drop(both);
    load(3).await;
    assert!(!again(1).await && !again(2).await && again(3).await);
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

#[tokio::test]
async fn what_weighs_nothing_goes_like_everything_else() {
    let cache = Cache::new("test", 10);
    cache.get(&1, async { Ok::<_, ()>(Block(0)) }).await.unwrap();
    cache.get(&2, async { Ok::<_, ()>(Block(8)) }).await.unwrap();
    cache.get(&3, async { Ok::<_, ()>(Block(8)) }).await.unwrap();
    let (kept, loading) = cache.census();
    assert_eq!((kept.into_iter().collect::<Vec<_>>(), loading), (vec![(3, 8)], 0), "the oldest went first");
}
