//! What holds for every request: routing, methods, headers, limits.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::api::support::{Service, get, post, request};

#[tokio::test]
async fn careless_paths_reach_their_resources() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    for path in ["//api/v1//status/", "/api/v1/status/", "/api///v1/status"] {
        assert_eq!(service.get(path, "").await.status, 200, "{path}");
    }
    for path in [format!("/api/v1//projects/{}/", project.id), format!("/api/v1/projects//{}", project.id)] {
        service.get(&path, &project.result).await.json(200);
    }
    service.post("/api/v1/projects/", "", json!({"schema": {}, "result_type": "groups"})).await.json(201);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let service = Service::start().await;
    for path in ["/pages", "/api", "/api/v2/status", "/api/v1/status/x", "/api/v1/projects/x/y"] {
        service.get(path, "").await.problem(404);
    }
    let answer = service.call(request("PUT", "/api/v1/projects", "").body(Body::empty()).unwrap()).await;
    answer.problem(405);
    let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    let options = service.call(request("OPTIONS", "/api/v1/status", "").body(Body::empty()).unwrap()).await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, "GET,HEAD"));
    service.call(request("OPTIONS", "/nowhere", "").body(Body::empty()).unwrap()).await.problem(404);
}

#[tokio::test]
async fn every_answer_protects_itself() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let own = format!("/api/v1/projects/{}", project.id);
    let uploads = format!("{own}/clks");
    let empty =
        |method: &str, path: &str, token: &str| request(method, path, token).body(Body::empty()).unwrap();
    let json = |path: &str, token: &str, body: &'static str| {
        let request = request("POST", path, token).header("Content-Type", "application/json");
        request.body(Body::from(body)).unwrap()
    };
    let coded = request("POST", "/api/v1/projects", "").header("Content-Type", "application/json");
    let coded = coded.header("Content-Encoding", "br").body(Body::from("{}")).unwrap();
    let large = request("POST", "/api/v1/projects", "").header("Content-Type", "application/json");
    let large = large.header("Content-Length", "2000000").body(Body::from("{}")).unwrap();
    let kinds = [
        (200, empty("GET", "/api/v1/status", "")),
        (200, empty("HEAD", "/api/v1/status", "")),
        (200, empty("GET", "/api/v1/openapi.json", "")),
        (200, empty("GET", "/health/live", "")),
        (200, empty("GET", "/health/ready", "")),
        (200, empty("GET", &own, &project.result)),
        (201, json("/api/v1/projects", "", r#"{"schema": {}, "result_type": "groups"}"#)),
        (204, empty("OPTIONS", &own, "")),
        (400, empty("GET", "/api/v1/projects/x", "")),
        (400, json(&uploads, &project.update[0], "no JSON")),
        (403, empty("GET", &own, &project.update[0])),
        (404, empty("GET", "/nowhere", "")),
        (405, empty("PUT", &own, "")),
        (413, large),
        (415, coded),
        (204, empty("DELETE", &own, &project.result)),
        (403, empty("DELETE", &own, &project.result)),
    ];
    let limited = Service::with(&["--rate-limit", "0.001", "--rate-limit-burst", "1"]).await;
    limited.get("/api/v1/status", "").await;
    let mut answers = vec![(503, limited.get("/api/v1/status", "").await)];
    for (status, request) in kinds {
        answers.push((status, service.call(request).await));
    }
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{:?}", answer.body);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer.header("x-request-id").len(), 16);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let named =
        request("GET", "/api/v1/status", "").header("X-Request-Id", "abc-1").body(Body::empty()).unwrap();
    assert_eq!(service.call(named).await.header("x-request-id"), "abc-1");
}

#[tokio::test]
async fn browsers_may_ask_from_the_allowed_origins() {
    let preflight = |origin: &str| {
        Request::builder()
            .method("OPTIONS")
            .uri("/api/v1/projects/x/binaryclks")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,hash-count")
            .body(Body::empty())
            .unwrap()
    };
    let service = Service::start().await;
    let answer = service.call(preflight("https://a.example")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    for method in ["GET", "POST", "DELETE", "OPTIONS"] {
        assert!(answer.header("access-control-allow-methods").contains(method));
    }
    for name in ["Authorization", "Content-Type", "Hash-Count", "Hash-Size"] {
        assert!(answer.header("access-control-allow-headers").contains(name));
    }
    let service = Service::with(&["--cors-origins", "https://a.example,https://b.example"]).await;
    let allowed = service.call(preflight("https://b.example")).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://b.example");
    let refused = service.call(preflight("https://c.example")).await;
    assert_eq!(refused.status, 204);
    assert!(!refused.headers.keys().any(|name| name.as_str().starts_with("access-control")));
    assert_eq!(refused.header("vary"), "Origin");
}

#[tokio::test]
async fn eager_clients_are_told_when_to_come_back() {
    let service = Service::with(&["--rate-limit", "0.001", "--rate-limit-burst", "3"]).await;
    for _ in 0..3 {
        service.get("/api/v1/version", "").await.json(200);
    }
    let refused = service.get("/api/v1/version", "").await;
    refused.problem(503);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((900..=1000).contains(&wait), "{wait}");
    assert_eq!(refused.header("access-control-allow-origin"), "*", "a browser must be able to read it");
    service.call(get("/health/live", "")).await.json(200);
}

#[tokio::test]
async fn a_metadata_store_without_tables_is_not_ready() {
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(anonlink::config::system::SystemClock);
    let empty = anonlink::db::sqlite::SqliteDb::open(&folder.path().join("empty.db"), clock.clone()).unwrap();
    let state = anonlink::api::ApiState::new(
        std::sync::Arc::new(empty),
        service.store.clone(),
        anonlink::staging::External::default(),
        service.state.cache.clone(),
        service.state.settings.clone(),
        service.state.random.clone(),
        clock,
        folder.path().to_owned(),
    );
    let empty = service.with_state(state);
    assert!(empty.call(get("/health/ready", "")).await.problem(503).contains("anonlink migrate"));
    empty.call(get("/health/live", "")).await.json(200);
    empty.call(get("/api/v1/status", "")).await.problem(500);
    let detail = empty.call(get("/api/v1/projects", "")).await.problem(500);
    assert!(!detail.contains("table"), "{detail}");
    let create = post("/api/v1/projects", "", json!({"schema": {}, "result_type": "groups"}).to_string());
    empty.call(create).await.problem(500);
}

#[tokio::test]
async fn without_redis_the_service_is_degraded_and_ready() {
    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        redis: anonlink::config::RedisArgs,
    }

    let service = Service::start().await;
    // Nobody listens there.
    let flags: Flags = clap::Parser::parse_from(["test", "--redis-server", "127.0.0.1:1"]);
    let (state, folder) = (service.state.clone(), tempfile::tempdir().unwrap());
    let state = anonlink::api::ApiState::new(
        state.db.clone(),
        state.store.clone(),
        anonlink::staging::External::default(),
        anonlink::cache::Cache::connect(&flags.redis, None).unwrap(),
        state.settings.clone(),
        state.random.clone(),
        state.clock.clone(),
        folder.path().to_owned(),
    );
    let service = service.with_state(state);
    let ready = service.call(get("/health/ready", "")).await.json(200);
    assert_eq!(ready["status"], "degraded");
    assert!(ready["detail"].as_str().unwrap().contains("Redis"), "{ready}");
    service.call(get("/api/v1/status", "")).await.problem(500);
    let project = service.project(json!({})).await;
    service.upload(&project, 0, 2).await;
    service.delete(&project.path(""), &project.result).await;
}
