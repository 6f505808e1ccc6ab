//! Uploads that succeed, and those that are taken but turn the project to error.

use std::io::Write;

use anonlink::domain::PartyState;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::api::support::{Service, clks, encodings, packed, post, request};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_form_of_upload_is_taken_once() {
    let service = Service::start().await;
    let blocking = json!({"uses_blocking": true});
    let [a, b] = [encodings(1).remove(0), encodings(2).remove(1)];
    for (members, body) in [
        (json!({}), clks(3)),
        (json!({}), json!({"encodings": [a, b], "unknown": {"x": [1, {}]}})),
        (blocking.clone(), json!({"encodings": [a, b], "blocks": {"0": ["x", "y"], "1": []}})),
        (blocking.clone(), json!({"blocks": {"1": ["x"]}, "encodings": [a, b]})),
        (blocking.clone(), json!({"clknblocks": [[a, "x", 2], [b]]})),
    ] {
        let project = service.project(members.clone()).await;
        let (path, token) = (project.path("/clks"), &project.update[0]);
        let answer = service.post(&path, token, body.clone()).await.json(201);
        assert_eq!(answer["message"], "Updated", "{body}");
        assert_eq!(answer["receipt_token"].as_str().unwrap().len(), 48);
        let objects = service.objects(&project).await;
        assert_eq!(objects.len(), if members == blocking { 2 } else { 1 }, "{objects:?}");
        let again = service.post(&path, token, body).await;
        assert!(again.problem(403).contains("accepted before"));
        assert_eq!(service.objects(&project).await, objects, "the refused upload left nothing");
        let described = service.get(&project.path(""), &project.result).await.json(200);
        assert_eq!((&described["parties_contributed"], &described["error"]), (&json!(1), &json!(false)));
    }
}

#[tokio::test]
async fn binary_and_json_uploads_store_the_same_file() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    service
        .post(&project.path("/clks"), &project.update[1], json!({"clks": ["AAECAwQFBgc=", "//79/Pv6+fg="]}))
        .await
        .json(201);
    let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 255, 254, 253, 252, 251, 250, 249, 248];
    service.call(packed(&project, "2", "8", bytes.to_vec())).await.json(201);
    let objects = service.objects(&project).await;
    assert_eq!(objects.len(), 2);
    assert_eq!(
        service.store.read(&objects[0]).await.unwrap(),
        service.store.read(&objects[1]).await.unwrap()
    );
    let id = project.id.parse().unwrap();
    let parties = service.db.parties(id).await.unwrap();
    assert_eq!((parties[0].count, parties[1].count), (2, 2));
    assert_eq!(parties[0].digest, parties[1].digest);
}

#[tokio::test]
async fn large_bodies_come_in_pieces_and_packed() {
    let service = Service::with(&["--block-buffer", "64KiB"]).await;
    let project = service.project(json!({"uses_blocking": true, "number_parties": 2})).await;
    let records: Vec<_> =
        encodings(40_000).into_iter().enumerate().map(|(i, e)| json!([e, i % 1000, "all"])).collect();
    let body = json!({"clknblocks": records}).to_string();
    let sent = post(&project.path("/clks"), &project.update[0], gzip(body.as_bytes()));
    let (mut parts, packed_body) = sent.into_parts();
    parts.headers.insert("content-encoding", "gzip".parse().unwrap());
    service.call(Request::from_parts(parts, packed_body)).await.json(201);
    let pieces: Vec<_> =
        body.as_bytes().chunks(777).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let chunked = Body::from_stream(futures::stream::iter(pieces));
    service.call(post(&project.path("/clks"), &project.update[1], chunked)).await.json(201);
    let objects = service.objects(&project).await;
    assert_eq!(objects.len(), 4);
    // Blocks that spilled to temporary files: the same file whatever the pieces were.
    for (one, other) in [(0, 1), (2, 3)] {
        assert_eq!(
            service.store.read(&objects[one]).await.unwrap(),
            service.store.read(&objects[other]).await.unwrap()
        );
    }
    assert_eq!(service.scratch_files(), 0);
}

#[tokio::test]
async fn wrong_sizes_are_taken_and_turn_the_project_to_error() {
    let service = Service::with(&["--min-encoding-size", "8", "--max-encoding-size", "16"]).await;
    let [short, good, odd] = ["AAAAAA==", "AAAAAAAAAAA=", "AAAAAAAAAAAAAAAA"];
    let promising = json!({"schema": {"clkConfig": {"l": 128}}});
    for (members, list, told) in [
        (json!({}), vec![good, good, short], ["encoding 2", "4 bytes", "expected 8"]),
        (json!({}), vec![short], ["encoding 0", "4 bytes", "multiple of 8"]),
        (json!({}), vec![odd, odd], ["encoding 0", "12 bytes", "from 8 to 16"]),
        (promising, vec![good], ["encoding 0", "8 bytes", "16"]),
        (json!({"schema": {"clkConfig": {"l": 100}}}), vec![good], ["encoding 0", "8 bytes", "100 bits"]),
    ] {
        let project = service.project(members).await;
        let run = service.run(&project, 0.9).await;
        let answer = service.post(&project.path("/clks"), &project.update[0], json!({"clks": list})).await;
        assert_eq!(answer.json(201)["message"], "Updated");
        let described = service.get(&project.path(""), &project.result).await.json(200);
        assert_eq!(described["error"], true);
        let status = service.get(&format!("{run}/status"), &project.result).await.json(200);
        assert_eq!(status["state"], "error");
        for text in [&status["message"], &described["message"]] {
            let text = text.as_str().unwrap();
            assert!(told.iter().all(|part| text.contains(part)), "{text}");
        }
        assert!(service.objects(&project).await.is_empty());
        let result = service.get(&format!("{run}/result"), &project.result).await;
        assert!(result.problem(500).contains(told[0]));
        let refused = service.post(&project.path("/runs"), &project.result, json!({"threshold": 0.5})).await;
        assert!(refused.problem(409).contains(told[0]));
        // The other party knows nothing of it, and is not refused.
        service.post(&project.path("/clks"), &project.update[1], json!({"clks": [good]})).await.json(201);
    }
}

#[tokio::test]
async fn the_first_uploads_size_binds_the_second() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    service.upload(&project, 1, 2).await;
    let refused = service.call(packed(&project, "1", "16", vec![0; 16])).await;
    assert!(refused.problem(400).contains("expected 8"));
    let longer = json!({"clks": ["AAAAAAAAAAAAAAAAAAAAAA=="]});
    service.post(&project.path("/clks"), &project.update[0], longer).await.json(201);
    assert_eq!(service.get(&project.path(""), &project.result).await.json(200)["error"], true);
}

#[tokio::test]
async fn two_uploads_with_one_token_exclude_each_other() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let (send, receive) = futures::channel::mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    send.unbounded_send(Ok(b"{\"clks\":[".to_vec())).unwrap();
    let slow = post(&project.path("/clks"), &project.update[0], Body::from_stream(receive));
    let first = service.call(slow);
    let id = project.id.parse().unwrap();
    let second = async {
        while service.db.parties(id).await.unwrap()[0].state != PartyState::Uploading {
            tokio::task::yield_now().await;
        }
        let refused = service.post(&project.path("/clks"), &project.update[0], clks(1)).await;
        send.unbounded_send(Ok(b"\"AAAAAAAAAAA=\"]}".to_vec())).unwrap();
        drop(send);
        refused
    };
    let (answer, refused) = tokio::join!(first, second);
    assert!(refused.problem(403).contains("under way"));
    answer.json(201);
}

#[tokio::test]
async fn content_types_may_have_parameters() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let upload = request("POST", &project.path("/clks"), &project.update[0])
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(clks(1).to_string()))
        .unwrap();
    service.call(upload).await.json(201);
}

#[tokio::test]
async fn too_many_records_are_refused_in_every_form() {
    let service = Service::with(&["--max-records", "3"]).await;
    let project = service.project(json!({})).await;
    let too_many = service.post(&project.path("/clks"), &project.update[0], clks(4)).await.problem(400);
    assert!(too_many.contains("more than 3 records") && too_many.contains("MAX_RECORDS"), "{too_many}");
    let packed = request("POST", &project.path("/binaryclks"), &project.update[0])
        .header("content-type", "application/octet-stream")
        .header("hash-count", "4")
        .header("hash-size", "8")
        .body(Body::from(vec![1; 32]))
        .unwrap();
    let too_many = service.call(packed).await.problem(400);
    assert!(too_many.contains("more than 3 records"), "{too_many}");
    // The token is still good.
    service.upload(&project, 0, 3).await;
    assert!(service.objects(&project).await.len() == 1, "nothing else is left");
}
