//! Requests: methods, paths, query strings, headers and bodies, as the router gets them from hyper.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anonlink::api::{ApiState, router};
use anonlink::cache::Cache;
use anonlink::codec::audit::AuditKey;
use anonlink::config::ApiArgs;
use anonlink::config::system::SystemClock;
use anonlink::db::audit::Audit;
use anonlink::db::schema::Schema;
use anonlink::db::sqlite::SqliteDb;
use anonlink::domain::Random;
use anonlink::staging::External;
use anonlink::store::Store;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use clap::Parser;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Requests that one service takes before it is replaced by a fresh one.
const LIFE: u32 = 2000;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    api: ApiArgs,
}

/// Numbers that repeat themselves from run to run, so that an input that breaks something breaks it again.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A service with a project of permutations that waits for its parties, and one run.
struct Service {
    runtime: Runtime,
    router: Router,
    /// What stands in inputs for things that an input can't know: project, run, first party's and creator's token.
    names: [(&'static str, String); 4],
    left: u32,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // In memory if there is such a place: what syncs to a disk promise is not the subject.
        let shared = std::path::Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let clock = Arc::new(SystemClock);
        let db = SqliteDb::open(&folder.path().join("test.db"), clock.clone()).expect("a database");
        runtime.block_on(db.migrate()).expect("a schema");
        db.audit_with(AuditKey::derive(&[7; 32]));
        let settings = Flags::parse_from(["fuzz", "--rate-limit", "0", "--max-body", "65536"]).api;
        let state = ApiState::new(
            Arc::new(db),
            Store::memory(),
            External::default(),
            Cache::local(None),
            settings,
            Arc::new(Counting::default()),
            clock,
            folder.path().to_owned(),
        );
        let mut service =
            Self { runtime, router: router(state), names: Default::default(), left: LIFE, _folder: folder };
        service.names = service.make_project();
        service
    }

    /// Makes the project and its run, and returns their names.
    fn make_project(&self) -> [(&'static str, String); 4] {
        let body = r#"{"schema":{},"result_type":"permutations"}"#;
        let project = self.post("/api/v1/projects", "", body);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (id, result) = (text(&project["project_id"]), text(&project["result_token"]));
        let run = self.post(&format!("/api/v1/projects/{id}/runs"), &result, r#"{"threshold":0.8}"#);
        [("@P", id), ("@X", text(&run["run_id"])), ("@U", text(&project["update_tokens"][0])), ("@R", result)]
    }

    fn post(&self, path: &str, token: &str, body: &'static str) -> Value {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, token)
            .body(Body::from(body))
            .expect("a request");
        let (status, body) = self.call(request);
        assert_eq!(status, StatusCode::CREATED, "{body:?}");
        serde_json::from_slice(&body).expect("JSON")
    }

    fn call(&self, request: Request<Body>) -> (StatusCode, Bytes) {
        self.runtime.block_on(async {
            let answer: Response<Body> = self.router.clone().oneshot(request).await.expect("an answer");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.expect("a whole answer").to_bytes();
            if parts.status.is_client_error() || parts.status.is_server_error() {
                let problem: Value = match body.is_empty() {
                    // A HEAD has no body.
                    true => Value::Null,
                    false => serde_json::from_slice(&body).expect("a problem document"),
                };
                assert!(problem.is_null() || problem["status"] == parts.status.as_u16(), "{problem}");
            }
            (parts.status, body)
        })
    }
}

thread_local! {
    static SERVICE: RefCell<Option<Service>> = const { RefCell::new(None) };
}

/// A request: its first line is method and path, headers follow up to an empty line, the rest is the body.
pub fn request(data: &[u8]) {
    SERVICE.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|service| service.left == 0) {
            *kept = None;
        }
        let service = kept.get_or_insert_with(Service::start);
        let Some(request) = parse(data, &service.names) else { return };
        service.left -= 1;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (status, body) = service.call(request);
        // As documented: what this server does not do, and the result of a run that failed.
        let documented = status == StatusCode::INTERNAL_SERVER_ERROR
            && serde_json::from_slice::<Value>(&body).is_ok_and(|problem| {
                problem["title"] == "Feature Disabled" || problem["title"] == "Run Failed"
            });
        assert!(!status.is_server_error() || documented, "{method} {path}: {status} {body:?}");
        if method == Method::DELETE && status == StatusCode::NO_CONTENT {
            // Project or run are gone: go on with others.
            service.names = service.make_project();
        }
    });
}

fn parse(data: &[u8], names: &[(&str, String)]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let mut head = std::str::from_utf8(head).ok()?.to_owned();
    for (mark, name) in names {
        head = head.replace(mark, name);
    }
    let mut lines = head.split('\n');
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(path);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}
