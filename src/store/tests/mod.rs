//! The suite on every backend, and what is peculiar to one.

mod outages;

use std::time::Duration;

use super::conformance::suite;
use super::*;
use crate::config::Secret;
use crate::config::objects::{Keys, Server};
use crate::stack::{Fault, Minio, Proxy};

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

/// A bucket of a private MinIO, made.
pub(super) async fn bucket(minio: &Minio, name: &str) -> (Store, BucketAt) {
    let (access, secret) = minio.root();
    let at = BucketAt {
        server: Server::parse(minio.endpoint(), false).unwrap(),
        bucket: name.into(),
        region: "us-east-1".into(),
        path_style: true,
        keys: Some(Keys { access: Secret::new(access), secret: Secret::new(secret), session: None }),
        ca: None,
    };
    let store = Store::s3(&at).unwrap();
    let missing = store.check().await.unwrap_err().to_string();
    assert!(missing.contains("no such bucket"), "{missing}");
    assert!(store.ensure_bucket().await.unwrap());
    (store, at)
}

#[tokio::test]
#[ignore = "infra: needs MinIO"]
async fn minio_stores_objects() {
    let minio = Minio::start();
    let (store, at) = bucket(&minio, "data").await;
    suite(store.clone()).await;

    // What killed, dropped and forgotten writers leave.
    let begin = async |name: &str| {
        let mut writer = store.writer(name);
        writer.write(&vec![1; 9 << 20]).await.unwrap();
        writer
    };
    let Kind::S3(requests) = &store.kind else { panic!("it is S3") };
    let open = async |name: &str| requests.open_uploads(name).await.unwrap().len();
    std::mem::forget(begin("p/cut").await);
    assert_eq!(open("p/cut").await, 1);
    store.delete("p/cut").await.unwrap();
    assert_eq!(open("p/cut").await, 0);
    drop(begin("p/dropped").await);
    for _ in 0..500 {
        if open("p/dropped").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(open("p/dropped").await, 0, "a dropped writer aborts behind itself");
    std::mem::forget(begin("p/1/a").await);
    std::mem::forget(begin("p/2/b").await);
    std::mem::forget(begin("p/2/c").await);
    assert_eq!(store.abort_uploads_under("p/1/").await.unwrap(), 1);
    let now = jiff::Timestamp::now();
    let hour = Duration::from_secs(3600);
    assert_eq!(store.abort_uploads_before(now - hour).await.unwrap(), 0, "they are young");
    assert_eq!(store.abort_uploads_before(now + hour).await.unwrap(), 2);

    // Failures are told without keys.
    let keys = Keys { access: Secret::new("wrongkey"), secret: Secret::new("hunter22"), session: None };
    let stranger = Store::s3(&BucketAt { keys: Some(keys), ..at }).unwrap();
    for error in [
        stranger.read("p/small").await.unwrap_err(),
        stranger.put("p/small", Bytes::from_static(b"x")).await.unwrap_err(),
        stranger.delete("p/small").await.unwrap_err(),
        stranger.check().await.unwrap_err(),
    ] {
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Refused(_)), "{text}");
        assert!(
            text.contains(minio.endpoint()) && !text.contains("wrongkey") && !text.contains("hunter22"),
            "{text}"
        );
    }
}

#[tokio::test]
#[ignore = "infra: needs MinIO"]
async fn minio_that_is_away_for_a_while_is_waited_for() {
    let mut minio = Minio::start();
    let (store, at) = bucket(&minio, "data").await;
    // The way to it tells how often it was tried. A busy machine may take longer to start it again than a service has patience.
    let way = Proxy::start(at.server.port());
    let server = Server::parse(&format!("127.0.0.1:{}", way.port()), false).unwrap();
    let patience = Patience { tries: Duration::from_secs(180), ..Patience::USUAL };
    let patient = Store::s3_by(&BucketAt { server, ..at }, s3::client::own(None).unwrap(), patience).unwrap();
    minio.daemon().kill();
    way.set(Fault::Cut);
    let write = tokio::spawn(async move { patient.put("p/late", Bytes::from_static(b"late")).await });
    while way.injected() < 3 {
        assert!(!write.is_finished(), "it was not waited for");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    minio.restart();
    way.set(Fault::None);
    write.await.unwrap().unwrap();
    assert_eq!(store.read("p/late").await.unwrap(), "late");
    // Whoever has the usual patience gives up while it is away. Only time shows that this has an end.
    minio.daemon().kill();
    let read = tokio::time::timeout(Duration::from_secs(120), store.read("p/late"));
    let error = read.await.expect("patience has an end").unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    store.check().await.unwrap_err();
}

#[tokio::test]
#[ignore = "infra: needs MinIO"]
async fn minio_is_spoken_to_by_tls_with_the_authority_that_was_named() {
    let minio = Minio::start_secure();
    let (access, secret) = minio.root();
    let at = BucketAt {
        server: Server::parse(minio.endpoint(), true).unwrap(),
        bucket: "data".into(),
        region: "us-east-1".into(),
        path_style: true,
        keys: Some(Keys { access: Secret::new(access), secret: Secret::new(secret), session: None }),
        ca: Some(minio.authority()),
    };
    let store = Store::s3(&at).unwrap();
    assert!(store.ensure_bucket().await.unwrap());
    store.put("p/a", Bytes::from_static(b"by TLS")).await.unwrap();
    assert_eq!(store.read("p/a").await.unwrap(), "by TLS");
    let distrustful = Store::s3(&BucketAt { ca: None, ..at.clone() }).unwrap();
    let error = distrustful.check().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("certificate"), "{error}");
    let missing = Store::s3(&BucketAt { ca: Some("/nowhere/ca.pem".into()), ..at }).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/ca.pem"), "{missing}");
}
