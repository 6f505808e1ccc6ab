//! Other people's stores.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anonlink::config::Secret;
use anonlink::config::objects::{BucketAt, Keys, Server};
use anonlink::store::Store;
use serde_json::{Value, json};

use crate::external::kit::{Client, Site, document, wait};
use crate::service::parties;
use crate::stack::Minio;

const BUCKET: &str = "their-bucket";

/// A stranger's MinIO with encodings in a bucket.
fn strangers(rows: &[u8]) -> Minio {
    let minio = Minio::start();
    let (access, secret) = minio.root();
    let at = BucketAt {
        server: Server::parse(minio.endpoint(), false).unwrap(),
        bucket: BUCKET.into(),
        region: "us-east-1".into(),
        path_style: true,
        keys: Some(Keys { access: Secret::new(access), secret: Secret::new(secret), session: None }),
        ca: None,
    };
    wait(Store::s3(&at).unwrap().ensure_bucket()).unwrap();
    Client::root(&minio, BUCKET).put_encodings(
        "here/encodings.json",
        &document(rows, 128),
        rows.len() / 128,
        128,
    );
    minio
}

fn reference(endpoint: &str, secure: Value, keys: (&str, &str)) -> Value {
    json!({"encodings": {
        "file": {"bucket": BUCKET, "path": "here/encodings.json", "endpoint": endpoint, "secure": secure},
        "credentials": {"AccessKeyId": keys.0, "SecretAccessKey": keys.1},
    }})
}

#[test]
fn minio_of_a_stranger_is_read_if_it_is_allowed() {
    let rows = parties(10, 31);
    let theirs = strangers(&rows[0]);
    let site = Site::with(&[
        "--object-store-allowed-endpoints",
        theirs.endpoint(),
        "--object-store-allowed-insecure",
        "true",
    ]);
    let project = site.project(json!({}));
    let wrong =
        site.post(&project, 0, reference(theirs.endpoint(), json!(false), ("nobody", "nothing")), 400);
    assert!(wrong["detail"].as_str().unwrap().contains("refuses"), "{wrong}");
    let mut anonymous = reference(theirs.endpoint(), json!(false), ("", ""));
    anonymous["encodings"]["credentials"] = Value::Null;
    site.post(&project, 0, anonymous, 400);
    site.post(&project, 0, reference(theirs.endpoint(), json!(false), theirs.root()), 201);
    site.wait_for_parties(&project, 1);
    assert_eq!(
        Client::root(&theirs, BUCKET).list().unwrap(),
        ["here/encodings.json"],
        "what is theirs stays"
    );
    let database = std::fs::read(site.folder.path().join("anonlink.db")).unwrap();
    let log = std::fs::read(site.folder.path().join("anonlink.db-wal")).unwrap_or_default();
    let secret = theirs.root().1.as_bytes();
    for file in [database, log] {
        assert!(!file.windows(secret.len()).any(|bytes| bytes == secret), "credentials are sealed");
    }
}

#[test]
fn minio_of_a_stranger_is_left_alone_unless_it_is_allowed() {
    let theirs = strangers(&parties(10, 31)[0]);
    for (flags, secure) in [
        (&[][..], json!(false)),
        (&["--object-store-allowed-endpoints", "127.0.0.1:1"][..], json!(false)),
        (&["--object-store-allowed-endpoints", theirs.endpoint()], json!(false)),
        (&["--object-store-allowed-endpoints", theirs.endpoint()], json!(true)),
        (&["--object-store-allowed-endpoints", theirs.endpoint()], Value::Null),
    ] {
        let site = Site::with(flags);
        let project = site.project(json!({}));
        site.post(&project, 0, reference(theirs.endpoint(), secure, theirs.root()), 403);
    }
}

/// A server that answers every request with this head, and how many requests it has had.
fn answering(head: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream
                .write_all(format!("{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        }
    });
    (address, asked)
}

#[test]
fn minio_or_not_nobody_is_followed_elsewhere() {
    let (target, reached) = answering("HTTP/1.1 200 OK\r\nx-amz-meta-hash-count: 1".into());
    let (decoy, asked) = answering(format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{target}/"));
    let site =
        Site::with(&["--object-store-allowed-endpoints", &decoy, "--object-store-allowed-insecure", "true"]);
    let project = site.project(json!({}));
    let refused = site.post(&project, 0, reference(&decoy, json!(false), ("a", "b")), 400);
    assert!(refused["detail"].as_str().unwrap().contains("can't be used"), "{refused}");
    assert!(asked.load(Ordering::SeqCst) > 0);
    assert_eq!(reached.load(Ordering::SeqCst), 0, "the redirect was not followed");
}
