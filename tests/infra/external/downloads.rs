//! Results by the object store.

use anonlink::codec::similarity_file::SIMILARITY_HEADER;
use serde_json::{Value, json};

use crate::external::kit::{DATA, Leave, Site, denied};
use crate::service::{parties, post_run, request, run_state, upload, wait_for};

#[test]
fn minio_gives_a_result_to_whom_it_was_granted_and_nothing_else() {
    let site = Site::start();
    let project = site.project(json!({"result_type": "similarity_scores"}));
    for (party, rows) in parties(200, 21).iter().enumerate() {
        assert_eq!(upload(&site.url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&site.url, &project, 0.75).unwrap();
    wait_for("the run", || run_state(&site.url, &project, &run).unwrap().0 == "completed");
    let path = format!("/projects/{}/runs/{run}/result", project.id);
    let headers = [("RETURN-OBJECT-STORE-ADDRESS", "true")];
    let (status, body) = request(&site.url, "GET", &path, &project.result, b"", &headers).unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let leave = Leave::of(&answer, "object");
    assert_eq!((leave.bucket.as_str(), &answer["object"]["secure"]), (DATA, &json!(false)));

    let client = leave.client();
    let file = client.get(&leave.path).unwrap();
    let scores = site.ask("GET", &path, &project.result, None, 200);
    let count = scores["similarity_scores"].as_array().unwrap().len();
    assert!(count > 20);
    let header = SIMILARITY_HEADER.len();
    assert_eq!(&file[..header], SIMILARITY_HEADER);
    assert_eq!(file.len(), header + 24 * count, "24 bytes a pair");
    let other = site.bucket(DATA).list().unwrap().into_iter().find(|name| *name != leave.path).unwrap();
    denied(client.get(&other));
    denied(client.get(&format!("{}x", leave.path)));
    denied(client.list());
    denied(client.put(&leave.path, b"x", &[]));
    denied(client.delete(&leave.path));

    let groups = site.project(json!({}));
    let answer =
        site.ask("GET", &format!("/projects/{}/runs/{run}/result", groups.id), &groups.result, None, 403);
    assert!(answer["detail"].is_string());
}
