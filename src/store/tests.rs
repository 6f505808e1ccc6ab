//! One suite for every backend.

use super::*;

async fn suite(store: Store) {
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
    assert!(matches!(store.read("p/small").await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn a_directory_stores_objects() {
    let folder = tempfile::tempdir().unwrap();
    suite(Store::directory(&folder.path().join("objects")).unwrap()).await;
    let left: Vec<_> = std::fs::read_dir(folder.path().join("objects")).unwrap().collect();
    assert!(left.is_empty(), "no file and no folder is left: {left:?}");
}

#[tokio::test]
async fn memory_stores_objects() {
    suite(Store::memory()).await;
}

#[tokio::test]
async fn deleting_an_object_removes_what_a_killed_writer_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::directory(folder.path()).unwrap();
    let mut writer = store.writer("p/cut");
    writer.write(&vec![1; 9 << 20]).await.unwrap();
    // A killed process runs no destructor.
    std::mem::forget(writer);
    store.put("p/cute", Bytes::from_static(b"another object")).await.unwrap();
    let files = || std::fs::read_dir(folder.path().join("p")).unwrap().count();
    assert_eq!(files(), 2);
    store.delete("p/cut").await.unwrap();
    assert_eq!(files(), 1);
    assert_eq!(store.size("p/cute").await.unwrap(), 14);
}
