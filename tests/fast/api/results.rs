//! Results of every type, and results that can't be had.

use anonlink::codec::similarity_file::{SIMILARITY_HEADER, SimilarityPair, write_pairs};
use anonlink::db::ledger::Outcome;
use anonlink::db::runs::RunResult;
use axum::body::Body;
use serde_json::{Value, json};

use crate::api::runs::{compare, plan};
use crate::api::support::{Project, Service, request};

/// A completed run with these objects as its result; returns the run's path and the two receipt tokens.
async fn completed(
    service: &Service,
    project: &Project,
    objects: &[(&str, Vec<u8>)],
    result: RunResult,
) -> (String, [String; 2]) {
    let run = service.run(project, 0.8).await;
    let receipts = [service.upload(project, 0, 2).await, service.upload(project, 1, 2).await];
    service.complete(service.claim().await, &[], plan()).await;
    compare(service, project).await;
    compare(service, project).await;
    service.complete(service.claim().await, objects, Outcome::Finished(result)).await;
    (run, receipts)
}

fn similarity_file(pairs: u32) -> Vec<u8> {
    let pair = |row| SimilarityPair { score: 1.0, party0: 0, party1: 1, row0: row, row1: row };
    let mut file = SIMILARITY_HEADER.to_vec();
    write_pairs(&(0..pairs).map(pair).collect::<Vec<_>>(), &mut file);
    file
}

#[tokio::test]
async fn groups_are_sent_as_they_are_stored() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let object = format!("{}/result", project.id);
    let document = b"{\"groups\":[[[0,0],[1,1]]]}".to_vec();
    let result = RunResult::Groups { object: object.clone(), groups: 1, sizes: None };
    let (run, receipts) = completed(&service, &project, &[(&object, document.clone())], result).await;
    let path = format!("{run}/result");
    let answer = service.get(&path, &project.result).await;
    assert_eq!(answer.json(200), json!({"groups": [[[0, 0], [1, 1]]]}));
    assert_eq!(answer.header("content-length"), document.len().to_string());
    assert_eq!(answer.header("cache-control"), "no-store");
    service.get(&path, &receipts[0]).await.no_access();
    let head = service.call(request("HEAD", &path, &project.result).body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), document.len().to_string());
}

#[tokio::test]
async fn permutations_depend_on_who_asks() {
    let service = Service::start().await;
    let project = service.project(json!({"result_type": "permutations"})).await;
    let name = |what: &str| format!("{}/{what}", project.id);
    let [mask, first, second] = [name("mask"), name("first"), name("second")];
    let result = RunResult::Permutations {
        mask: mask.clone(),
        permutations: [first.clone(), second.clone()],
        matches: 1,
    };
    let objects: [(&str, Vec<u8>); 3] = [
        (&mask, b"{\"mask\":[0,1]}".to_vec()),
        (&first, b"{\"permutation\":[0,1],\"rows\":2}".to_vec()),
        (&second, b"{\"permutation\":[1,0],\"rows\":2}".to_vec()),
    ];
    let (run, receipts) = completed(&service, &project, &objects, result).await;
    let path = format!("{run}/result");
    assert_eq!(service.get(&path, &project.result).await.json(200), json!({"mask": [0, 1]}));
    assert_eq!(service.get(&path, &receipts[0]).await.json(200), json!({"permutation": [0, 1], "rows": 2}));
    assert_eq!(service.get(&path, &receipts[1]).await.json(200), json!({"permutation": [1, 0], "rows": 2}));
    service.get(&path, &project.update[0]).await.no_access();
}

#[tokio::test]
async fn similarity_scores_are_turned_into_json() {
    let service = Service::start().await;
    let project = service.project(json!({"result_type": "similarity_scores"})).await;
    let object = format!("{}/result", project.id);
    let result = RunResult::SimilarityScores { object: object.clone(), candidates: 9000 };
    let (run, receipts) = completed(&service, &project, &[(&object, similarity_file(9000))], result).await;
    let path = format!("{run}/result");
    let scores = service.get(&path, &project.result).await.json(200);
    assert_eq!(scores["similarity_scores"].as_array().unwrap().len(), 9000);
    assert_eq!(scores["similarity_scores"][8999], json!([[0, 8999], [1, 8999], 1.0]));
    let status: Value = service.get(&format!("{run}/status"), &project.result).await.json(200);
    assert_eq!((&status["stages"], &status["current_stage"]["number"]), (&json!(2), &json!(2)));
    service.get(&path, &receipts[0]).await.no_access();
    let by_store = request("GET", &path, &project.result).header("RETURN-OBJECT-STORE-ADDRESS", "true");
    let refused = service.call(by_store.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.json(500)["title"], "Feature Disabled");
}

#[tokio::test]
async fn a_result_that_breaks_off_is_never_ended_cleanly() {
    let service = Service::start().await;
    let project = service.project(json!({"result_type": "similarity_scores"})).await;
    let object = format!("{}/result", project.id);
    let result = RunResult::SimilarityScores { object: object.clone(), candidates: 10 };
    let mut file = similarity_file(10);
    file.pop();
    let (run, _) = completed(&service, &project, &[(&object, file)], result).await;
    let request = request("GET", &format!("{run}/result"), &project.result).body(Body::empty()).unwrap();
    let (status, body) = service.call_broken(request).await;
    assert_eq!(status, 200);
    assert!(body.is_err());
}

#[tokio::test]
async fn a_lost_object_is_our_failure_and_a_deleted_run_nobodys() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let object = format!("{}/result", project.id);
    let result = RunResult::Groups { object: object.clone(), groups: 1, sizes: None };
    let (run, _) = completed(&service, &project, &[(&object, b"{}".to_vec())], result).await;
    service.store.delete(&object).await.unwrap();
    let failed = service.get(&format!("{run}/result"), &project.result).await;
    assert!(!failed.problem(500).contains(&object), "what failed inside stays inside");
    service.delete(&run, &project.result).await;
    service.get(&format!("{run}/result"), &project.result).await.no_access();
}

#[tokio::test]
async fn there_is_no_result_before_the_end() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let run = service.run(&project, 0.8).await;
    let path = format!("{run}/result");
    for state in ["created", "queued", "running"] {
        let detail = service.get(&path, &project.result).await.problem(404);
        assert!(detail.contains(&format!("state of the run is {state}")), "{detail}");
        match state {
            "created" => {
                service.upload(&project, 0, 2).await;
                service.upload(&project, 1, 2).await;
            }
            _ => drop(
                service
                    .db
                    .claim(
                        "test",
                        &anonlink::domain::Queue::ALL,
                        anonlink::db::Lease([1; 16]),
                        crate::api::support::TTL,
                    )
                    .await
                    .unwrap(),
            ),
        }
    }
}
