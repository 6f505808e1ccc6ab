//! Runs from being posted to being deleted, with their stages taken by hand.

use anonlink::db::ledger::{Outcome, Plan, Work};
use anonlink::db::runs::RunResult;
use anonlink::domain::task::{Part, PlannedPart};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::api::support::{Project, Service, TTL};

/// A plan of two parts with two comparisons each.
pub fn plan() -> Outcome {
    let part = |row| PlannedPart {
        part: Part::Rows { party0: 0, party1: 1, rows0: (row, row + 1), rows1: (0, 2) },
        comparisons: 2,
    };
    Outcome::Planned(Plan { parts: vec![part(0), part(1)], key: [7; 32] })
}

/// Does the next compare task.
pub async fn compare(service: &Service, project: &Project) {
    let claimed = service.claim().await;
    let Work::Compare { number, .. } = claimed.0.work else { panic!("{claimed:?}") };
    let object = format!("{}/candidates-{number}-x", project.id);
    let outcome = Outcome::Compared {
        object: object.clone(),
        candidates: 1,
        scores: Default::default(),
        limit: 100,
        limit_name: "SOLVER_MAX_CANDIDATE_PAIRS",
    };
    service.complete(claimed, &[(&object, vec![1])], outcome).await;
}

#[tokio::test]
async fn a_run_goes_through_its_stages() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let path = project.path("/runs");
    let body = json!({"threshold": 0.875, "name": "first", "notes": "n", "extra": null});
    let run = service.post(&path, &project.result, body).await.json(201);
    assert_eq!(
        (&run["threshold"], &run["name"], &run["notes"]),
        (&json!(0.875), &json!("first"), &json!("n"))
    );
    let one = format!("{path}/{}", run["run_id"].as_str().unwrap());
    assert_eq!(service.get(&one, &project.result).await.json(200), run);

    let status = async || service.get(&format!("{one}/status"), &project.result).await.json(200);
    let stage = |status: &Value| {
        let current = &status["current_stage"];
        (current["number"].as_u64().unwrap(), current["progress"]["relative"].as_f64())
    };
    let waiting = status().await;
    assert_eq!(waiting["state"], "created");
    assert_eq!(waiting["current_stage"]["description"], "waiting for CLKs");
    assert_eq!(stage(&waiting), (1, Some(0.0)));
    service.upload(&project, 0, 2).await;
    assert_eq!(stage(&status().await), (1, Some(0.5)));
    service.upload(&project, 1, 2).await;
    let queued = status().await;
    assert_eq!((queued["state"].as_str(), stage(&queued)), (Some("queued"), (1, Some(1.0))));
    assert!(queued.get("time_started").is_none());

    let claimed = service.claim().await;
    let planning = status().await;
    assert_eq!((planning["state"].as_str(), stage(&planning)), (Some("running"), (2, Some(0.0))));
    assert!(planning["time_started"].is_string() && planning.get("time_completed").is_none());
    service.complete(claimed, &[], plan()).await;
    assert_eq!(stage(&status().await), (2, Some(0.0)));
    compare(&service, &project).await;
    let half = status().await;
    assert_eq!(half["current_stage"]["progress"]["absolute"], 2);
    assert_eq!(stage(&half), (2, Some(0.5)));
    compare(&service, &project).await;
    assert_eq!(stage(&status().await), (3, None));
    let object = format!("{}/result-groups-x", project.id);
    let result = RunResult::Groups { object: object.clone(), groups: 0, sizes: None };
    service
        .complete(service.claim().await, &[(&object, b"{\"groups\":[]}".to_vec())], Outcome::Finished(result))
        .await;
    let completed = status().await;
    assert_eq!((completed["state"].as_str(), stage(&completed)), (Some("completed"), (3, None)));
    assert_eq!((&completed["stages"], &completed["total_number_comparisons"]), (&json!(3), &json!(4)));
    for time in ["time_added", "time_started", "time_completed"] {
        let text = completed[time].as_str().unwrap();
        assert_eq!((text.len(), text.ends_with('Z')), (27, true), "{text}: microseconds in UTC");
    }

    let listed = service.get(&path, &project.result).await.json(200);
    assert_eq!(
        listed,
        json!([{"run_id": run["run_id"], "time_added": completed["time_added"], "state": "completed"}])
    );
    let deleted = service.delete(&one, &project.result).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for gone in [one.clone(), format!("{one}/status"), format!("{one}/result")] {
        service.get(&gone, &project.result).await.no_access();
    }
    service.delete(&one, &project.result).await.no_access();
    assert_eq!(service.get(&path, &project.result).await.json(200), json!([]));
}

#[tokio::test]
async fn enqueued_work_rings_the_bell() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    service.upload(&project, 0, 2).await;
    service.run(&project, 0.8).await;
    let listener = service.state.cache.listen(&anonlink::domain::Queue::ALL);
    service.upload(&project, 1, 2).await;
    assert!(timeout(TTL / 2, listener.wait(TTL)).await.is_ok(), "the last upload starts the waiting run");
    let listener = service.state.cache.listen(&anonlink::domain::Queue::ALL);
    service.run(&project, 0.9).await;
    assert!(timeout(TTL / 2, listener.wait(TTL)).await.is_ok(), "a run that needn't wait");
}

#[tokio::test]
async fn whole_numbers_are_thresholds_too() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let run = service.post(&project.path("/runs"), &project.result, json!({"threshold": 1})).await.json(201);
    assert_eq!(run["threshold"], 1.0);
    assert_eq!((&run["name"], &run["notes"]), (&json!(""), &json!("")));
}

#[tokio::test]
async fn runs_belong_to_their_project_and_its_creator() {
    let service = Service::start().await;
    let project = service.project(json!({"result_type": "permutations"})).await;
    let other = service.project(json!({})).await;
    let run = service.run(&project, 0.8).await;
    let id = run.rsplit('/').next().unwrap();
    let receipt = service.upload(&project, 0, 2).await;
    let other_receipt = service.upload(&other, 0, 2).await;
    service.get(&format!("{run}/status"), &receipt).await.json(200);
    service.get(&run, &receipt).await.no_access();
    service.delete(&run, &receipt).await.no_access();
    service.post(&project.path("/runs"), &receipt, json!({"threshold": 0.5})).await.no_access();
    service.get(&project.path("/runs"), &receipt).await.no_access();
    for token in [&project.update[0], &project.update[1], &other.result, &other_receipt] {
        for path in [run.clone(), format!("{run}/status"), format!("{run}/result"), project.path("/runs")] {
            service.get(&path, token).await.no_access();
        }
        service.delete(&run, token).await.no_access();
    }
    for rest in [format!("/runs/{id}"), format!("/runs/{id}/status"), "/runs/nonsense".to_owned()] {
        service.get(&other.path(&rest), &other.result).await.no_access();
    }
    let other_run = service.run(&other, 0.8).await;
    service.get(&format!("{other_run}/status"), &other_receipt).await.no_access();
    service.get(&format!("{other_run}/result"), &other_receipt).await.no_access();
    service.get(&run, &project.result).await.json(200);
}

#[tokio::test]
async fn a_project_has_so_many_runs_and_no_more() {
    let service = Service::with(&["--max-runs", "3", "--max-runs-at-work", "2"]).await;
    let project = service.project(json!({})).await;
    let path = project.path("/runs");
    let refused = async || service.post(&path, &project.result, json!({"threshold": 0.8})).await.problem(409);
    let first = service.run(&project, 0.7).await;
    service.run(&project, 0.8).await;
    let detail = refused().await;
    assert!(detail.contains("2 runs") && detail.contains("MAX_RUNS_AT_WORK"), "{detail}");
    // One that has ended makes room, as long as it is not one too many in all.
    service.upload(&project, 0, 2).await;
    service.upload(&project, 1, 2).await;
    let (task, lease) = service.claim().await;
    service.db.fail(task.id, lease, "for the test", None).await.unwrap();
    service.run(&project, 0.9).await;
    let (task, lease) = service.claim().await;
    service.db.fail(task.id, lease, "for the test", None).await.unwrap();
    let detail = refused().await;
    assert!(detail.contains("3 runs") && detail.contains("MAX_RUNS)"), "{detail}");
    assert_eq!(service.delete(&first, &project.result).await.status, 204);
    service.run(&project, 0.95).await;
}
