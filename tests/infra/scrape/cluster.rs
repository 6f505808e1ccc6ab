//! A cluster of one API process and one worker, with encodings that come by the object store.

use std::path::Path;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{Attribute, AttributeValue, Attributes, ObjectStore, PutOptions};
use serde_json::{Value, json};

use super::stores::Stores;
use crate::kit::scrape::{Recorder, Texts, add_logs, said, search, secrets};
use crate::service::{Project, call, create, parties, post_run, request, run_state, wait_for};
use crate::stack::{Daemon, RedisSet, free_ports};

/// The bucket of uploads with temporary credentials, and the path that they are for.
pub fn lent(answer: &Value) -> (AmazonS3, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (keys, place) = (&answer["credentials"], &answer["upload"]);
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{}", text(&place["endpoint"])))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(text(&place["bucket"]))
        .with_access_key_id(text(&keys["AccessKeyId"]))
        .with_secret_access_key(text(&keys["SecretAccessKey"]))
        .with_token(text(&keys["SessionToken"]))
        .build()
        .unwrap();
    (store, text(&place["path"]))
}

/// Puts an object with temporary credentials.
fn put(answer: &Value, name: &str, bytes: &[u8], count: usize) -> String {
    let (store, path) = lent(answer);
    let path = format!("{path}/{name}");
    let notes = [("hash-count", count.to_string()), ("hash-size", "128".to_owned())];
    let attributes: Attributes = notes
        .into_iter()
        .map(|(name, value)| (Attribute::Metadata(name.into()), AttributeValue::from(value)))
        .collect();
    let options = PutOptions { attributes, ..PutOptions::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = path.as_str().into();
    let put = store.put_opts(&place, bytes.to_vec().into(), options);
    runtime.block_on(put).unwrap();
    path
}

/// A linkage of similarity scores by the object store; the credentials that were lent for it.
pub fn link(url: &str, seed: u64) -> (Project, Vec<Value>) {
    let project = create(url, "similarity_scores").unwrap();
    let rows = parties(200, seed);
    let mut lent = Vec::new();
    for (party, rows) in rows.iter().enumerate() {
        let (path, token) = (format!("/projects/{}", project.id), &project.updates[party]);
        let leave = format!("{path}/authorize-external-upload");
        let (status, answer) = call(url, "GET", &leave, token, None).unwrap();
        assert_eq!(status, 201, "{answer}");
        let object = put(&answer, "encodings.bin", rows, 200);
        let file = json!({"path": object, "bucket": answer["upload"]["bucket"]});
        let body = json!({"encodings": {"file": file, "credentials": answer["credentials"]}});
        let (status, accepted) = call(url, "POST", &format!("{path}/clks"), token, Some(body)).unwrap();
        assert_eq!(status, 201, "{accepted}");
        lent.push(answer["credentials"].clone());
    }
    let run = post_run(url, &project, 0.7).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    let path = format!("/projects/{}/runs/{run}/result", project.id);
    let headers = [("RETURN-OBJECT-STORE-ADDRESS", "true")];
    let (status, answer) = request(url, "GET", &path, &project.result, b"", &headers).unwrap();
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    lent.push(answer["credentials"].clone());
    (project, lent)
}

#[test]
fn a_cluster_that_logs_everything_gives_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::start();
    let mut environment = stores.environment.clone();
    let more = [("ANONLINK_LOG", "trace"), ("ANONLINK_LOG_FORMAT", "text")];
    environment.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut texts: Texts = vec![("migrate".into(), said(&["migrate"], &environment))];
    let ports = free_ports(3);
    let start = |name: &str, arguments: &[String]| {
        let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
        Daemon::start(name, folder.path(), program, arguments, &environment, None)
    };
    let address = |index: usize| format!("127.0.0.1:{}", ports[index]);
    let flags = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut server =
        start("serve", &flags(&["serve", "--listen", &address(0), "--metrics-listen", &address(1)]));
    let mut worker = start("work", &flags(&["work", "--metrics-listen", &address(2)]));
    server.wait_for_port(ports[0]);
    worker.wait_for_port(ports[2]);
    let recorder = Recorder::start(&address(0));
    wait_for("the cluster to be ready", || {
        crate::service::request_root(&recorder.url(), "/health/ready").is_ok_and(|(status, _)| status == 200)
    });
    let (project, lent) = link(&recorder.url(), 21);

    for index in [1, 2] {
        let url = format!("http://{}", address(index));
        texts.push(("metrics".into(), crate::service::request_root(&url, "/metrics").unwrap().1));
    }
    for what in [&["audit", "export"][..], &["audit", "verify"]] {
        let text = said(what, &environment);
        texts.push((what.join(" "), text));
    }
    let verified = String::from_utf8_lossy(&texts.last().unwrap().1).into_owned();
    assert!(verified.contains("nothing is wrong"), "{verified}");
    let exported = String::from_utf8_lossy(&texts[texts.len() - 2].1).into_owned();
    for action in ["upload.granted", "upload.ingested", "result.granted", "run.completed"] {
        assert!(exported.contains(action), "{action}");
    }
    server.stop();
    worker.stop();
    add_logs(&mut texts, folder.path());

    let (mut needles, traffic) = secrets(&[&recorder]);
    assert!(traffic.tokens.contains(&project.result) && traffic.tokens.len() == 5);
    for rows in parties(200, 21) {
        rows.chunks(128).for_each(|row| needles.encoding(row));
    }
    for credentials in &lent {
        for name in ["SecretAccessKey", "SessionToken"] {
            let secret = credentials[name].as_str().unwrap();
            needles.text("a temporary key", &secret[..secret.len().min(24)]);
            needles.text("a temporary key", &secret[secret.len() - 24.min(secret.len())..]);
        }
    }
    needles.text("the database's password", stores.postgres.password());
    needles.text("the key of the object store", stores.minio.root().1);
    needles.text("a password of Redis", RedisSet::PASSWORD);
    needles.text("a password of Redis", RedisSet::SENTINEL_PASSWORD);
    let found = search(&needles, &texts);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
