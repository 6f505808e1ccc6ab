//! What becomes of each kind of trouble that a store in a bucket may have, told by stand-ins that treat every request alike.

use axum::Router;
use axum::http::StatusCode;
use futures::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

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

/// Less than the service has with its stores, for nothing here gets better by waiting. There is time for some tries.
const SHORT: Patience = Patience { tries: Duration::from_secs(1), check: Duration::from_secs(1) };

/// More than any of this takes, however busy the machine. Only time shows that patience has an end.
const AGES: Duration = Duration::from_secs(120);

/// A store at this port that is tried for a short while. In the middle of a request it may be silent for so long.
fn store_at(port: u16, silence: Duration) -> Store {
    let at = BucketAt {
        server: Server::parse(&format!("127.0.0.1:{port}"), false).unwrap(),
        bucket: "data".into(),
        region: "us-east-1".into(),
        path_style: true,
        keys: Some(Keys { access: Secret::new("access"), secret: Secret::new("secret"), session: None }),
        ca: None,
    };
    let client = s3::client::builder(None).unwrap().read_timeout(silence);
    Store::s3_by(&at, s3::client::built(client).unwrap(), SHORT).unwrap()
}

async fn listener(silence: Duration) -> (TcpListener, Store) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = store_at(listener.local_addr().unwrap().port(), silence);
    (listener, store)
}

/// A store that gives one answer to everything.
async fn answering(status: u16, code: &str) -> Store {
    let (listener, store) = listener(AGES).await;
    let status = StatusCode::from_u16(status).unwrap();
    let document = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    let answer = move || async move { (status, document) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    store
}

/// A store that accepts connections and does this with them.
async fn treating(mut treat: impl FnMut(TcpStream) + Send + 'static) -> Store {
    let (listener, store) = listener(SHORT.tries).await;
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
    let all = join_all(answers.map(|(status, code, wanted)| async move {
        let store = answering(status, code).await;
        for found in ended(&store).await {
            assert_eq!(found, wanted, "{status} {code}");
        }
    }));
    timeout(AGES, all).await.expect("patience has an end");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_away() {
    let nobody = store_at(crate::stack::free_port(), SHORT.tries);
    let cutting = treating(drop).await;
    let mut kept = Vec::new();
    let silent = treating(move |stream| kept.push(stream)).await;
    let mumbling = treating(|mut stream| {
        tokio::spawn(async move { stream.write_all(b"no such protocol\r\n\r\n").await });
    })
    .await;
    let all = join_all([nobody, cutting, silent, mumbling].map(|store| async move {
        assert_eq!(ended(&store).await, [Ended::Away; 5]);
        store.check().await.unwrap_err();
    }));
    timeout(AGES, all).await.expect("patience has an end");
}
