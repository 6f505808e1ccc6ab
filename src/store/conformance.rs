//! One suite for every backend.

use super::*;

pub async fn suite(store: Store) {
    // Small, exactly one part, and several parts with a remainder.
    for (name, length) in [("p/small", 10), ("p/exact", 8 << 20), ("p/large", (17 << 20) + 3)] {
        let bytes: Vec<u8> = (0..length).map(|i: usize| (i * 31 % 251) as u8).collect();
        let mut writer = store.writer(name);
        for chunk in bytes.chunks(1_000_003) {
            writer.write(chunk).await.unwrap();
        }
        assert_eq!(writer.written(), length as u64);
        assert!(matches!(store.size(name).await, Err(StoreError::NotFound(_))), "invisible before the end");
        writer.finish().await.unwrap();
        assert_eq!(store.size(name).await.unwrap(), length as u64);
        assert_eq!(store.read(name).await.unwrap(), bytes);
        assert_eq!(store.read_range(name, 3..9).await.unwrap(), bytes[3..9]);
        assert!(store.read_range(name, 5..5).await.unwrap().is_empty());
        let (size, stream) = store.stream(name).await.unwrap();
        let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert_eq!(size, length as u64);
        assert_eq!(chunks.concat(), bytes);
    }
    let mut aborted = store.writer("p/aborted");
    aborted.write(&vec![1; 9 << 20]).await.unwrap();
    aborted.abort().await;
    let mut dropped = store.writer("p/dropped");
    dropped.write(&vec![1; 9 << 20]).await.unwrap();
    drop(dropped);
    let mut names: Vec<String> = store.list().map_ok(|entry| entry.0).try_collect().await.unwrap();
    names.sort();
    assert_eq!(names, ["p/exact", "p/large", "p/small"]);
    for name in &names {
        store.delete(name).await.unwrap();
        store.delete(name).await.expect("deleting twice is fine");
    }
    assert_eq!(store.list().count().await, 0);
    under_a_prefix(&store).await;
    store.check().await.unwrap();
    assert!(!store.ensure_bucket().await.unwrap(), "it is there already");
    assert!(matches!(store.read("p/small").await, Err(StoreError::NotFound(_))));
}

async fn under_a_prefix(store: &Store) {
    let names: Vec<String> = (0..20).map(|i| format!("q/1/{i}")).collect();
    for name in &names {
        store.put(name, Bytes::from_static(b"x")).await.unwrap();
    }
    store.put("q/11", Bytes::from_static(b"another party's")).await.unwrap();
    store.delete_all(&names[..5]).await.unwrap();
    assert_eq!(store.delete_under("q/1").await.unwrap(), 15);
    assert_eq!(store.delete_under("q/1").await.unwrap(), 0);
    let description = store.describe("q/11").await.unwrap();
    assert_eq!((description.size, description.notes.len()), (15, 0));
    // What was described is opened, and not what came in its place, be it as long.
    let etag = description.etag.as_deref();
    assert!(etag.is_some());
    let (size, stream) = store.stream_as_described("q/11", 15, etag).await.unwrap().unwrap();
    let bytes: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!((size, bytes.concat().as_slice()), (15, &b"another party's"[..]));
    assert!(store.stream_as_described("q/11", 14, etag).await.unwrap().is_none());
    store.put("q/11", Bytes::from_static(b"another party s")).await.unwrap();
    assert!(store.stream_as_described("q/11", 15, etag).await.unwrap().is_none());
    let gone = store.stream_as_described("q/12", 15, etag).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    assert_eq!(store.delete_under("q").await.unwrap(), 1);
    assert!(matches!(store.describe("q/11").await, Err(StoreError::NotFound(_))));
    for name in ["q/../x", "q//x", "./x"] {
        assert!(matches!(store.read(name).await, Err(StoreError::NotFound(_))), "{name}");
    }
}
