//! Projects: creating, describing, listing and deleting them.

use serde_json::{Value, json};

use crate::api::support::{Service, get, request};
use axum::body::Body;

fn is_secret(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == 48 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[tokio::test]
async fn a_project_is_created_described_listed_and_deleted() {
    let service = Service::start().await;
    let body = json!({
        "schema": {"version": 3, "clkConfig": {"l": 64}},
        "result_type": "groups",
        "number_parties": 3,
        "name": "Ŋame",
        "notes": "for\ntest",
        "uses_blocking": true,
        "unknown": [1],
    });
    let created = service.post("/api/v1/projects", "", body.clone()).await.json(201);
    let tokens = created["update_tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 3);
    assert!(
        tokens.iter().chain([&created["project_id"], &created["result_token"]]).all(is_secret),
        "{created}"
    );
    let (id, token) = (created["project_id"].as_str().unwrap(), created["result_token"].as_str().unwrap());
    let path = format!("/api/v1/projects/{id}");

    let described = service.get(&path, token).await.json(200);
    for member in ["schema", "result_type", "number_parties", "name", "notes", "uses_blocking"] {
        assert_eq!(described[member], body[member], "{member}");
    }
    assert_eq!(described["project_id"], id);
    assert_eq!((&described["parties_contributed"], &described["error"]), (&json!(0), &json!(false)));

    let listed = service.get("/api/v1/projects", "").await.json(200);
    assert_eq!(listed, json!([{"project_id": id, "time_added": described["time_added"]}]));
    assert!(described["time_added"].as_str().unwrap().ends_with('Z'));

    let deleted = service.delete(&path, token).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    service.delete(&path, token).await.no_access();
    service.get(&path, token).await.no_access();
    assert_eq!(service.get("/api/v1/projects", "").await.json(200), json!([]));
}

#[tokio::test]
async fn members_that_are_left_out_have_defaults() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    assert_eq!(project.update.len(), 2);
    let described = service.get(&project.path(""), &project.result).await.json(200);
    assert_eq!((&described["name"], &described["notes"]), (&json!(""), &json!("")));
    assert_eq!((&described["number_parties"], &described["uses_blocking"]), (&json!(2), &json!(false)));
}

#[tokio::test]
async fn rights_are_told_by_tokens_alone() {
    let service = Service::start().await;
    let (groups, other) = (service.project(json!({})).await, service.project(json!({})).await);
    let permutations = service.project(json!({"result_type": "permutations"})).await;
    let groups_receipt = service.upload(&groups, 0, 3).await;
    let receipt = service.upload(&permutations, 0, 3).await;

    assert_eq!(service.get(&permutations.path(""), &receipt).await.json(200)["parties_contributed"], 1);
    service.get(&groups.path(""), &groups_receipt).await.no_access();
    let stranger = "0123456789abcdef".repeat(3);
    for token in [&groups.update[0], &other.result, &stranger, "nonsense", &groups.result.to_uppercase()] {
        service.get(&groups.path(""), token).await.no_access();
        service.delete(&groups.path(""), token).await.no_access();
    }
    service.get(&format!("/api/v1/projects/{stranger}"), &groups.result).await.no_access();
    service.get("/api/v1/projects/%ff", &groups.result).await.no_access();
    service.get("/api/v1/projects/nonsense", &groups.result).await.no_access();
    assert!(service.get(&groups.path(""), "").await.problem(400).contains("Authorization"));
    let bearer = format!("Bearer {}", groups.result);
    assert_eq!(service.get(&groups.path(""), &bearer).await.status, 200);
}

#[tokio::test]
async fn external_uploads_are_told_to_be_off() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let path = project.path("/authorize-external-upload");
    let refused = service.get(&path, &project.update[0]).await;
    assert_eq!(refused.json(500)["title"], "Feature Disabled");
    service.get(&path, &project.result).await.no_access();
    assert!(service.get(&path, "").await.problem(400).contains("Authorization"));
}

#[tokio::test]
async fn the_operator_may_keep_strangers_out() {
    let service = Service::with(&["--project-creation-token", "make", "--project-list-token", "list"]).await;
    let path = "/api/v1/projects";
    let body = json!({"schema": {}, "result_type": "groups"});
    assert!(service.post(path, "", body.clone()).await.problem(400).contains("Authorization"));
    assert!(service.post(path, "list", body.clone()).await.problem(403).contains("operator"));
    service.post(path, "make", body).await.json(201);
    assert!(service.get(path, "").await.problem(400).contains("Authorization"));
    assert!(service.get(path, "make").await.problem(403).contains("operator"));
    assert_eq!(service.get(path, "Bearer list").await.json(200).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn status_and_version_tell_about_the_service() {
    let service = Service::start().await;
    assert_eq!(
        service.get("/api/v1/status", "").await.json(200),
        json!({"status": "ok", "project_count": 0, "rate": 0})
    );
    let project = service.project(json!({})).await;
    assert_eq!(service.get("/api/v1/status", "").await.json(200)["project_count"], 1);
    service.delete(&project.path(""), &project.result).await;
    assert_eq!(service.get("/api/v1/status", "").await.json(200)["project_count"], 0);
    let version = service.get("/api/v1/version", "").await.json(200);
    for key in ["anonlink", "entityservice", "python"] {
        assert!(version[key].is_string(), "{key}");
    }
    for probe in ["/health/live", "/health/ready"] {
        assert_eq!(service.call(get(probe, "")).await.json(200), json!({"status": "ok"}));
    }
    let head = service.call(request("HEAD", "/api/v1/status", "").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn lists_come_whole_or_by_pages() {
    let service = Service::start().await;
    let mut projects = Vec::new();
    for _ in 0..3 {
        projects.push(service.project(json!({})).await);
    }
    for _ in 0..3 {
        service.run(&projects[0], 0.8).await;
    }
    let ids = |list: &Value, member: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
    };
    let runs = projects[0].path("/runs");
    for (path, token, member) in
        [("/api/v1/projects", "", "project_id"), (&runs, projects[0].result.as_str(), "run_id")]
    {
        let whole = ids(&service.get(path, token).await.json(200), member);
        assert_eq!(whole.len(), 3);
        let first = service.get(&format!("{path}?limit=2"), token).await;
        assert_eq!(ids(&first.json(200), member), whole[..2]);
        let next = first.header("link").split(['<', '>']).nth(1).unwrap();
        let second = service.get(next, token).await;
        assert_eq!(ids(&second.json(200), member), whole[2..]);
        assert_eq!(second.header("link"), "", "there is no more");
        let detail = service.get(&format!("{path}?limit=0"), token).await.problem(400);
        assert!(detail.contains("from 1 to 1000"), "{detail}");
    }
}
