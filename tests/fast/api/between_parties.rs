//! What a party must not learn of another: by its receipt token, by an update token, or by what everybody may ask.

use std::collections::BTreeSet;

use anonlink::db::ledger::Outcome;
use anonlink::db::runs::RunResult;
use serde_json::{Value, json};

use super::runs::{compare, plan};
use super::support::{Project, Service};

/// A project of permutations with these members.
async fn permutations(service: &Service, members: Value) -> Project {
    let mut all = json!({"result_type": "permutations"});
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    service.project(all).await
}

async fn described(service: &Service, project: &Project, token: &str) -> Value {
    service.get(&project.path(""), token).await.json(200)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn warnings_and_errors_of_another_party_are_not_told() {
    let service = Service::start().await;
    let project = permutations(&service, json!({"permutation_positions": "larger"})).await;
    let empty = json!({"clks": ["AAAAAAAAAAA=", "AAAAAAAAAAE="]});
    let answer = service.post(&project.path("/clks"), &project.update[0], empty).await;
    let first = answer.json(201)["receipt_token"].as_str().unwrap().to_owned();
    // Another size than the first party's: accepted, and then an error of the project.
    let other = json!({"clks": ["AAAAAAAAAAAAAAAAAAAAAA=="]});
    let answer = service.post(&project.path("/clks"), &project.update[1], other).await;
    let second = answer.json(201)["receipt_token"].as_str().unwrap().to_owned();

    let creator = described(&service, &project, &project.result).await;
    assert!(creator["message"].as_str().unwrap().contains("16 bytes"), "{creator}");
    assert!(texts(&creator["warnings"]).iter().any(|text| text.starts_with("party 0: ")), "{creator}");

    let mine = described(&service, &project, &first).await;
    assert_eq!(mine["error"], true, "that something is wrong is no secret");
    assert!(!mine["message"].as_str().unwrap().contains("16"), "{mine}");
    assert_eq!(mine["warnings"], creator["warnings"], "its own");

    let theirs = described(&service, &project, &second).await;
    assert_eq!(theirs["message"], creator["message"], "its own mistake is told");
    assert!(!texts(&theirs["warnings"]).iter().any(|text| text.starts_with("party 0")), "{theirs}");
}

/// All members of a document, by their paths.
fn members(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| members(value, &format!("{path}/{name}"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

#[tokio::test]
async fn a_party_sees_state_stage_and_rough_progress_of_a_run_and_no_figure() {
    let service = Service::start().await;
    let project = permutations(&service, json!({})).await;
    let receipt = service.upload(&project, 0, 2).await;
    service.upload(&project, 1, 2).await;
    let run = service.run(&project, 0.8).await;
    let status = async |token: &str| service.get(&format!("{run}/status"), token).await.json(200);
    let seen = async || {
        let mut found = BTreeSet::new();
        members(&status(&receipt).await, "", &mut found);
        found.into_iter().collect::<Vec<_>>()
    };
    let always = ["/current_stage/description", "/current_stage/number"];
    let claimed = service.claim().await;
    service.complete(claimed, &[], plan()).await;
    compare(&service, &project).await;
    let progress = ["/current_stage/progress/description", "/current_stage/progress/relative"];
    let rest = ["/stages", "/state", "/time_added"];
    assert_eq!(seen().await, [&always[..], &progress, &rest].concat());
    assert_eq!(status(&receipt).await["current_stage"]["progress"]["relative"], 0.5);
    compare(&service, &project).await;
    let object = |what: &str| format!("{}/{what}", project.id);
    let [mask, first, second] = ["mask", "first", "second"].map(object);
    let result = RunResult::Permutations {
        mask: mask.clone(),
        permutations: [first.clone(), second.clone()],
        matches: 1,
    };
    let objects = [&mask, &first, &second].map(|name| (name.as_str(), b"{}".to_vec()));
    service.complete(service.claim().await, &objects, Outcome::Finished(result)).await;
    assert_eq!(seen().await, [&always[..], &rest].concat());
    let creator = status(&project.result).await;
    assert_eq!(creator["total_number_comparisons"], 4, "the creator sees all: {creator}");
    // What everybody may ask has no exact rate either.
    let rate = service.get("/api/v1/status", "").await.json(200)["rate"].as_u64().unwrap();
    assert!(rate.to_string().trim_end_matches('0').len() <= 1, "{rate}");
}

#[tokio::test]
async fn a_party_is_not_told_why_a_run_failed() {
    let service = Service::start().await;
    let project = permutations(&service, json!({})).await;
    let receipt = service.upload(&project, 0, 2).await;
    service.upload(&project, 1, 2).await;
    let run = service.run(&project, 0.8).await;
    let (task, lease) = service.claim().await;
    service.db.fail(task.id, lease, "party 1 is too small", None).await.unwrap();
    let creator = service.get(&format!("{run}/status"), &project.result).await.json(200);
    assert_eq!(creator["message"], "party 1 is too small");
    let party = service.get(&format!("{run}/status"), &receipt).await.json(200);
    assert_eq!((&party["state"], &party["message"]), (&json!("error"), &json!("its creator can see why")));
    let result = service.get(&format!("{run}/result"), &receipt).await.problem(500);
    assert!(!result.contains("party 1"), "{result}");
}

#[tokio::test]
async fn everybody_is_warned_of_positions_that_tell_of_rows() {
    let service = Service::start().await;
    let leaks = |texts: &[String]| texts.iter().any(|text| text.contains("permutation_positions"));
    for (positions, sizes, warned) in [
        (Some("smaller"), [2, 3], true),
        (None, [3, 2], true),
        (Some("smaller"), [3, 3], false),
        (Some("larger"), [2, 3], false),
    ] {
        let project = match positions {
            Some(positions) => permutations(&service, json!({"permutation_positions": positions})).await,
            None => permutations(&service, json!({})).await,
        };
        let first = service.upload(&project, 0, sizes[0]).await;
        assert!(!leaks(&texts(&described(&service, &project, &first).await["warnings"])), "not known yet");
        let second = service.upload(&project, 1, sizes[1]).await;
        for token in [&project.result, &first, &second] {
            let shown = described(&service, &project, token).await;
            assert_eq!(leaks(&texts(&shown["warnings"])), warned, "{positions:?} {sizes:?}: {shown}");
            assert_eq!(shown["permutation_positions"], positions.unwrap_or("smaller"));
        }
        for token in [&project.update[0], &project.update[1], &first, &second] {
            let shown = service.get(&project.path("/parties"), token).await.json(200);
            let all = shown["parties"].as_array().unwrap();
            assert!(all.iter().all(|party| leaks(&texts(&party["warnings"])) == warned), "{shown}");
        }
    }
    let groups = service.project(json!({})).await;
    assert!(described(&service, &groups, &groups.result).await.get("permutation_positions").is_none());
    let wrong = json!({"schema": {}, "result_type": "permutations", "permutation_positions": "largest"});
    let answer = service.post("/api/v1/projects", "", wrong).await;
    let detail = answer.problem(400);
    assert!(detail.contains("must be \"smaller\" or \"larger\""), "{detail}");
}
