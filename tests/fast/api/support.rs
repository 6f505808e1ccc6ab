//! A service in this process, and short ways to talk to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anonlink::api::{ApiState, router};
use anonlink::cache::Cache;
use anonlink::codec::audit::AuditKey;
use anonlink::config::ApiArgs;
use anonlink::config::system::{OsRandom, SystemClock};
use anonlink::db::Db;
use anonlink::db::Lease;
use anonlink::db::ledger::{ClaimedTask, Held, Outcome};
use anonlink::db::sqlite::SqliteDb;
use anonlink::domain::{Clock, Queue, Timestamp, random_bytes};
use anonlink::staging::External;
use anonlink::store::Store;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use clap::Parser;
use futures::TryStreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub const TTL: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    api: ApiArgs,
}

/// The system's clock, as far ahead as a test puts it.
#[derive(Default)]
pub struct AheadClock(AtomicU64);

impl AheadClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_micros(self.0.load(Ordering::SeqCst)))
    }
}

/// A service with a database and a scratch directory of its own, and objects in memory.
pub struct Service {
    pub state: Arc<ApiState>,
    pub db: Arc<dyn Db>,
    pub store: Store,
    pub clock: Arc<AheadClock>,
    router: Router,
    folder: tempfile::TempDir,
}

impl Service {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A service with these flags; the rate limit is off unless they say otherwise.
    pub async fn with(flags: &[&str]) -> Self {
        Self::on(Store::memory(), flags).await
    }

    pub async fn on(store: Store, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::<AheadClock>::default();
        let db: Arc<dyn Db> =
            Arc::new(SqliteDb::open(&folder.path().join("test.db"), clock.clone()).unwrap());
        db.migrate().await.unwrap();
        db.audit_with(AuditKey::derive(&[7; 32]));
        let limit: &[&str] = if flags.contains(&"--rate-limit") { &[] } else { &["--rate-limit", "0"] };
        let flags = ["test"].iter().chain(limit).chain(flags);
        let settings = Flags::parse_from(flags).api;
        let scratch = folder.path().to_owned();
        let cache = Cache::local(settings.rate());
        let state = ApiState::new(
            db.clone(),
            store.clone(),
            External::default(),
            cache,
            settings,
            Arc::new(OsRandom),
            clock.clone(),
            scratch,
        );
        Self { router: router(state.clone()), state, db, store, clock, folder }
    }

    /// The API on another state, with nothing else changed.
    pub fn with_state(self, state: Arc<ApiState>) -> Self {
        Self { router: router(state.clone()), state, ..self }
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.expect("the answer is whole").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The status and the body, which may break off.
    pub async fn call_broken(&self, request: Request<Body>) -> (StatusCode, Result<Bytes, axum::Error>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.map(|body| body.to_bytes()))
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(get(path, token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(post(path, token, body.to_string())).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(request("DELETE", path, token).body(Body::empty()).unwrap()).await
    }

    /// A project with these members beside an empty schema.
    pub async fn project(&self, members: Value) -> Project {
        let mut body = json!({"schema": {}, "result_type": "groups"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let created = self.post("/api/v1/projects", "", body).await.json(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Project {
            id: text(&created["project_id"]),
            update: created["update_tokens"].as_array().unwrap().iter().map(text).collect(),
            result: text(&created["result_token"]),
        }
    }

    /// Uploads `count` encodings of 8 bytes for a party and returns the receipt token.
    pub async fn upload(&self, project: &Project, party: usize, count: usize) -> String {
        let answer = self.post(&project.path("/clks"), &project.update[party], clks(count)).await;
        answer.json(201)["receipt_token"].as_str().unwrap().to_owned()
    }

    /// A run of the project; returns its path.
    pub async fn run(&self, project: &Project, threshold: f64) -> String {
        let path = project.path("/runs");
        let run = self.post(&path, &project.result, json!({"threshold": threshold})).await.json(201);
        format!("{path}/{}", run["run_id"].as_str().unwrap())
    }

    /// Takes the next task as a worker would.
    pub async fn claim(&self) -> (ClaimedTask, Lease) {
        let lease = Lease(random_bytes(&OsRandom));
        let task = self.db.claim("test", &Queue::ALL, lease, TTL).await.unwrap();
        (task.expect("a task waits"), lease)
    }

    /// Ends a task, whose objects are written first.
    pub async fn complete(
        &self,
        claimed: (ClaimedTask, Lease),
        objects: &[(&str, Vec<u8>)],
        outcome: Outcome,
    ) {
        let (task, lease) = claimed;
        for (name, bytes) in objects {
            self.db.register_object(name, task.project, lease, TTL).await.unwrap();
            self.store.put(name, bytes.clone().into()).await.unwrap();
        }
        assert_eq!(self.db.complete(task.id, lease, &outcome).await.unwrap(), Held::Yes);
    }

    /// Names of the stored objects of a project, after the sweeper's work has been done.
    pub async fn objects(&self, project: &Project) -> Vec<String> {
        let dead = self.db.dead_objects(10_000).await.unwrap();
        for name in &dead {
            self.store.delete(name).await.unwrap();
        }
        self.db.forget_objects(&dead).await.unwrap();
        let all: Vec<String> = self.store.list().map_ok(|(name, _)| name).try_collect().await.unwrap();
        let mut found: Vec<String> = all.into_iter().filter(|name| name.starts_with(&project.id)).collect();
        found.sort();
        found
    }

    /// Files left in the scratch directory, the database's own apart.
    pub fn scratch_files(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries
            .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("test.db"))
            .count()
    }
}

/// A project with its tokens.
#[derive(Debug, Clone)]
pub struct Project {
    pub id: String,
    pub update: Vec<String>,
    pub result: String,
}

impl Project {
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/projects/{}{rest}", self.id)
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        assert!(status >= 400 || self.header("content-type") == "application/json", "{:?}", self.headers);
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The detail of an answer that must be a problem document of this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        let document = self.json(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(document["status"], status);
        assert_eq!(document["type"], "about:blank");
        assert!(!document["title"].as_str().unwrap().is_empty());
        let detail = document["detail"].as_str().unwrap().to_owned();
        assert!(!detail.is_empty());
        detail
    }

    /// Asserts the one refusal that tells nothing.
    #[track_caller]
    pub fn no_access(&self) {
        assert_eq!(self.problem(403), "Invalid access token or project doesn't exist");
    }
}

/// A request with a token, unless it is empty.
pub fn request(method: &str, path: &str, token: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    if token.is_empty() { request } else { request.header(header::AUTHORIZATION, token) }
}

pub fn get(path: &str, token: &str) -> Request<Body> {
    request("GET", path, token).body(Body::empty()).unwrap()
}

/// A request with a JSON body.
pub fn post(path: &str, token: &str, body: impl Into<Body>) -> Request<Body> {
    request("POST", path, token).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

/// A binary upload; counts and sizes are texts, so that they can be wrong.
pub fn packed(project: &Project, count: &str, size: &str, body: impl Into<Body>) -> Request<Body> {
    request("POST", &project.path("/binaryclks"), &project.update[0])
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header("Hash-Count", count)
        .header("Hash-Size", size)
        .body(body.into())
        .unwrap()
}

/// `count` different encodings of 8 bytes as base64.
pub fn encodings(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{:0>10}A=", format!("{i:x}").to_uppercase())).collect()
}

/// An upload body without blocks.
pub fn clks(count: usize) -> Value {
    json!({"clks": encodings(count)})
}
