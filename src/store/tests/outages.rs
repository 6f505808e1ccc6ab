//! What becomes of each kind of trouble that a store in a bucket may have, told by stand-ins that treat every request alike.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use futures::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// How a call ended, for comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Away,
    Full,
    Refused,
    NoBucket,
    Otherwise,
}

impl Ended {
    fn of<T>(result: StoreResult<T>) -> Self {
        match result.map(drop).expect_err("a stand-in does nothing well") {
            StoreError::Unavailable(_) => Self::Away,
            StoreError::Unwritable(_) => Self::Full,
            StoreError::Refused(_) => Self::Refused,
            StoreError::NoBucket(_) => Self::NoBucket,
            _ => Self::Otherwise,
        }
    }
}

async fn listener() -> (TcpListener, Store) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = Keys { access: Secret::new("access"), secret: Secret::new("secret"), session: None };
    let store = Store::s3(&BucketAt {
        server: Server::parse(&listener.local_addr().unwrap().to_string(), false).unwrap(),
        bucket: "data".into(),
        region: "us-east-1".into(),
        path_style: true,
        keys: Some(keys),
        ca: None,
    });
    (listener, store.unwrap())
}

/// A store that gives one answer to everything.
async fn answering(status: u16, code: &str) -> Store {
    let (listener, store) = listener().await;
    let status = StatusCode::from_u16(status).unwrap();
    let document = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    let answer = move || async move { (status, document) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    store
}

/// A store that accepts connections and does this with them.
async fn treating(mut treat: impl FnMut(TcpStream) + Send + 'static) -> Store {
    let (listener, store) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            treat(stream);
        }
    });
    store
}

/// How the calls end that requests of clients depend on: a small and a large object written, one read in two ways, one deleted.
async fn ended(store: &Store) -> Vec<Ended> {
    let large = async {
        let mut writer = store.writer("p/large");
        writer.write(&vec![1; 9 << 20]).await
    };
    let deleted = async { store.delete("p/small").await };
    let (put, large, stream, range, deleted) = tokio::join!(
        store.put("p/small", Bytes::from_static(b"x")),
        large,
        store.stream("p/small"),
        store.read_range("p/small", 0..1),
        deleted,
    );
    vec![Ended::of(put), Ended::of(large), Ended::of(stream), Ended::of(range), Ended::of(deleted)]
}

#[tokio::test]
async fn an_outage_is_told_from_what_lasts() {
    let answers = [
        (500, "InternalError", Ended::Away),
        (502, "BadGateway", Ended::Away),
        (503, "SlowDown", Ended::Away),
        (504, "GatewayTimeout", Ended::Away),
        (429, "TooManyRequests", Ended::Away),
        (400, "RequestTimeout", Ended::Away),
        (507, "XMinioStorageFull", Ended::Full),
        (403, "AccessDenied", Ended::Refused),
        (401, "Unauthorized", Ended::Refused),
        (404, "NoSuchBucket", Ended::NoBucket),
        (301, "PermanentRedirect", Ended::Otherwise),
        (400, "InvalidArgument", Ended::Otherwise),
        (501, "NotImplemented", Ended::Otherwise),
    ];
    let begun = Instant::now();
    join_all(answers.map(|(status, code, wanted)| async move {
        let store = answering(status, code).await;
        for found in ended(&store).await {
            assert_eq!(found, wanted, "{status} {code}");
        }
    }))
    .await;
    assert!(begun.elapsed() < Duration::from_secs(60), "patience has an end: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_away() {
    let nobody = {
        let (listener, store) = listener().await;
        drop(listener);
        store
    };
    let cutting = treating(drop).await;
    let mut kept = Vec::new();
    let silent = treating(move |stream| kept.push(stream)).await;
    let mumbling = treating(|mut stream| {
        tokio::spawn(async move { stream.write_all(b"no such protocol\r\n\r\n").await });
    })
    .await;
    let begun = Instant::now();
    join_all([nobody, cutting, silent, mumbling].map(|store| async move {
        assert_eq!(ended(&store).await, [Ended::Away; 5]);
        store.check().await.unwrap_err();
    }))
    .await;
    assert!(begun.elapsed() < Duration::from_secs(60), "patience has an end: {:?}", begun.elapsed());
}
