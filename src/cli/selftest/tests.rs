//! The self-test against a small service in this process that knows projects and nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::project::{Project, Spec};
use super::reply::same;
use super::report::{Outcome, Verdict};
use super::*;

/// What the stub remembers.
#[derive(Default)]
struct Stub {
    /// Identifiers and result tokens of the projects that exist.
    projects: Mutex<Vec<(String, String)>>,
    created: AtomicUsize,
    /// How many more requests for the version are put off.
    busy: AtomicUsize,
    /// Where this is, a project is created once it is told to.
    answer: Option<Notify>,
    /// Told when a project is about to be created.
    creating: Notify,
}

fn problem(status: StatusCode) -> Response {
    let body = json!({"type": "about:blank", "title": "No", "status": status.as_u16(), "detail": "no"});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn version(State(stub): State<Arc<Stub>>) -> Response {
    let busy = stub.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    match busy {
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response(),
        Err(_) => {
            Json(json!({"anonlink": "stub", "entityservice": "stub", "python": "none"})).into_response()
        }
    }
}

async fn create(State(stub): State<Arc<Stub>>) -> Response {
    stub.creating.notify_one();
    if let Some(answer) = &stub.answer {
        answer.notified().await;
    }
    let n = stub.created.fetch_add(1, Ordering::SeqCst);
    let secret = |kind: usize| format!("{:048x}", 1000 * (n + 1) + kind);
    stub.projects.lock().unwrap().push((secret(0), secret(1)));
    let body =
        json!({"project_id": secret(0), "result_token": secret(1), "update_tokens": [secret(2), secret(3)]});
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn project(
    State(stub): State<Arc<Stub>>,
    Path(id): Path<String>,
    method: axum::http::Method,
    headers: HeaderMap,
) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut projects = stub.projects.lock().unwrap();
    let Some(index) = projects.iter().position(|(known, result)| *known == id && result == token) else {
        return problem(StatusCode::FORBIDDEN);
    };
    if method == axum::http::Method::DELETE {
        projects.remove(index);
        return StatusCode::NO_CONTENT.into_response();
    }
    Json(json!({"project_id": id})).into_response()
}

/// Starts the stub; it ends with the test's runtime.
async fn start(stub: &Arc<Stub>) -> String {
    let router = Router::new()
        .route("/api/v1/version", get(version))
        .route("/api/v1/projects", post(create))
        .route("/api/v1/projects/{id}", get(project).delete(project))
        .with_state(Arc::clone(stub));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn session(stub: &Arc<Stub>) -> Arc<Session> {
    let base = url::base(&start(stub).await).unwrap();
    Session::new(Http::new(base, None).unwrap(), None, Duration::from_secs(5))
}

/// Makes the checks and returns how each ended, with the text of the report.
async fn make(
    session: &Arc<Session>,
    checks: &[Check],
    interruption: impl Future<Output = ()>,
) -> (Vec<Outcome>, String) {
    let mut text = Vec::new();
    let mut report = Report::new(&mut text, false);
    let outcomes = runner::make_all(session, checks, &mut report, interruption).await.unwrap();
    (outcomes, String::from_utf8(text).unwrap())
}

async fn creates(session: Arc<Session>) -> Result<()> {
    Project::create(&session, Spec::groups(2)).await.map(drop)
}

#[tokio::test]
async fn projects_of_failed_and_broken_checks_are_deleted() {
    let stub = Arc::<Stub>::default();
    let session = session(&stub).await;
    let checks = [
        Check::new("a", "passes", creates),
        Check::new("a", "fails", async |session| {
            let project = Project::create(&session, Spec::groups(2)).await?;
            same("token", project.result.reveal(), "x").context("it failed")
        }),
        Check::new("a", "panics", async |session| {
            creates(session).await?;
            let verdict = "nonsense".parse::<usize>().map(|_| Verdict::Passed(None));
            Ok(verdict.expect("a check that breaks down"))
        }),
    ];
    let (outcomes, text) = make(&session, &checks, std::future::pending()).await;
    let summary = Summary::of(&outcomes);
    assert_eq!((summary.passed, summary.failed), (2, 2), "{text}");
    assert!(text.contains("FAIL  a: fails: it failed: token: expected \"x\", got \"…\"\n"), "{text}");
    assert!(text.contains("ok    cleanup: every project that the test made is gone: 3 projects ("), "{text}");
    assert_eq!(stub.created.load(Ordering::SeqCst), 3);
    assert!(stub.projects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_project_that_is_being_created_at_the_interruption_is_deleted_too() {
    let stub = Arc::new(Stub { answer: Some(Notify::new()), ..Stub::default() });
    let session = session(&stub).await;
    // The project is created after the interruption.
    let interruption = async {
        stub.creating.notified().await;
        stub.answer.as_ref().unwrap().notify_one();
    };
    let checks = [Check::new("a", "creates", creates), Check::new("a", "never starts", creates)];
    let (outcomes, text) = make(&session, &checks, interruption).await;
    assert_eq!(outcomes[0].verdict, runner::interrupted(), "{text}");
    assert_eq!(outcomes[1].verdict, runner::interrupted(), "{text}");
    assert!(matches!(outcomes[2].verdict, Verdict::Passed(_)), "{text}");
    assert_eq!(stub.created.load(Ordering::SeqCst), 1);
    assert!(stub.projects.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let stub = Arc::<Stub>::default();
    stub.busy.store(3, Ordering::SeqCst);
    let session = session(&stub).await;
    reach(&session).await.unwrap();
    assert_eq!(stub.busy.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_service_out_of_reach_is_status_2_and_one_line() {
    let address = format!("http://127.0.0.1:{}", crate::stack::free_port());
    let session =
        Session::new(Http::new(url::base(&address).unwrap(), None).unwrap(), None, Duration::from_secs(1));
    let error = reach(&session).await.unwrap_err().to_string();
    assert!(error.contains("no service is in reach") && error.contains("--server"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[tokio::test]
async fn an_embedded_service_is_started_and_stopped_and_the_exit_status_tells_of_failures() {
    use clap::Parser;
    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: SelftestArgs,
    }
    let stub = Arc::<Stub>::default();
    let stopped = Arc::new(AtomicUsize::new(0));
    for (only, status) in [("version names", 0), ("status tells", 1), ("no check has this", 2)] {
        let args = Command::try_parse_from(["selftest", "--only", only]).unwrap().args;
        let args = SelftestArgs { server: None, ..args };
        let (stub, stopped) = (Arc::clone(&stub), Arc::clone(&stopped));
        let start_embedded = || async move {
            let url = start(&stub).await;
            let stop = Box::pin(async move {
                stopped.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            Ok(Embedded { url, stop })
        };
        assert_eq!(run(&args, start_embedded).await, status, "{only}");
    }
    assert_eq!(stopped.load(Ordering::SeqCst), 2);
    assert!(stub.projects.lock().unwrap().is_empty());
}

#[test]
fn only_selects_by_part_of_the_title() {
    let count = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(|text| (*text).to_owned()).collect();
        select(checks::all(), &only).map(|checks| checks.len())
    };
    let (all, blocking) = (count(&[]).unwrap(), count(&["Blocking: "]).unwrap());
    assert!(blocking > 0 && blocking < all);
    assert_eq!(count(&["blocking: ", "service: "]).unwrap(), blocking + count(&["service: "]).unwrap());
    assert!(count(&["there is no such check"]).is_err());
}
