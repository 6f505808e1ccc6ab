//! Traces, as a collector sees them: one linkage is one trace, in one process and across several.

use crate::collector::{Collector, Spans};
use crate::service::{self, Process, create, parties, post_run, run_state, upload, wait_for};

/// Headers of a client's own trace.
const CLIENT: (&str, &str) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");

/// Links two small parties, and returns the project.
fn link(url: &str) -> service::Project {
    let project = create(url, "groups").unwrap();
    for (party, rows) in parties(300, 7).iter().enumerate() {
        assert_eq!(upload(url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(url, &project, 0.8).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    project
}

/// Ends a process in good order; what it has not yet told is told then.
fn stop(mut process: Process) {
    process.signal("TERM");
    wait_for("its end", || process.0.try_wait().unwrap().is_some());
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}

/// Checks the trace of a run that a request of this name started; returns its identifier.
fn check_trace(spans: &Spans, request: &str) -> String {
    let finish = spans.only("finish");
    let started = spans.parent(finish).expect("the request that started the run");
    assert_eq!((started.name.as_str(), started.kind.as_str()), (request, "server"));
    let plan = spans.only("plan");
    assert_eq!(spans.parent(plan).map(|span| &span.id), Some(&started.id), "plan belongs to the request");
    let compares = spans.named("compare");
    assert!(!compares.is_empty());
    for compare in &compares {
        assert_eq!(spans.parent(compare).map(|span| &span.id), Some(&plan.id), "compare belongs to plan");
    }
    for task in compares.iter().copied().chain([plan, finish]) {
        assert_eq!((task.trace.as_str(), task.kind.as_str()), (started.trace.as_str(), "consumer"));
        assert_eq!(task.attributes["messaging.system"], "anonlink");
        assert_eq!(task.attributes["anonlink.task.outcome"], "done");
        assert_eq!(task.attributes["anonlink.run"].len(), 8);
        assert_eq!(task.attributes["anonlink.run"], finish.attributes["anonlink.run"]);
    }
    let calls: Vec<_> = spans.children(finish).into_iter().filter(|span| span.kind == "client").collect();
    assert!(calls.iter().any(|span| span.attributes.contains_key("db.operation.name")), "{calls:?}");
    assert!(calls.iter().any(|span| span.attributes.contains_key("anonlink.store.operation")), "{calls:?}");
    started.trace.clone()
}

#[test]
fn a_linkage_is_one_trace_and_tells_no_secret() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let headers = "authorization=Bearer%20tell-nobody";
    let (server, url) = service::serve(
        folder.path(),
        &["--otlp-endpoint", &collector.url(), "--otlp-headers", headers, "--otlp-service-name", "linkage"],
    );
    let project = link(&url);
    stop(server);
    let spans = collector.spans();
    let request = "POST /api/v1/projects/{project_id}/runs";
    check_trace(&spans, request);
    let posted = spans.only(request);
    assert_eq!(posted.attributes["http.response.status_code"], "201");
    assert_eq!(posted.attributes["http.route"], "/api/v1/projects/{project_id}/runs");
    assert_eq!(posted.attributes["http.request.method"], "POST");
    assert_eq!(spans.resource["service.name"], "linkage");
    assert_eq!(spans.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(collector.requests().iter().all(|request| request.authorization == "Bearer tell-nobody"));
    let said = format!("{spans:?}");
    for secret in project.updates.iter().chain([&project.result, &project.id, &"tell-nobody".to_owned()]) {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_run_that_waits_for_data_belongs_to_the_upload_that_starts_it() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = service::serve(folder.path(), &["--otlp-endpoint", &collector.url()]);
    let project = create(&url, "groups").unwrap();
    let run = post_run(&url, &project, 0.8).unwrap();
    for (party, rows) in parties(300, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
    stop(server);
    check_trace(&collector.spans(), "POST /api/v1/projects/{project_id}/binaryclks");
}

#[test]
fn a_trace_goes_on_in_other_processes() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let endpoint = collector.url();
    let flags =
        |service| ["--otlp-endpoint", &endpoint, "--otlp-service-name", service, "--concurrency", "1"];
    let slow = ["--chunk-size-aim", "100000", "--kernel", "scalar"];
    let (server, url) = service::serve(folder.path(), &[&flags("server")[..], &slow].concat());
    let worker = service::start("work", folder.path(), &[&flags("worker")[..], &slow].concat());
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(1500, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    // Which process does which task is left to chance; of so many each does some. Each run has a lower threshold than those before it,
    // and so comparisons of its own.
    let runs: Vec<String> =
        (0..10).map(|step| post_run(&url, &project, 0.95 - 0.01 * f64::from(step)).unwrap()).collect();
    for run in &runs {
        wait_for("a run", || run_state(&url, &project, run).unwrap().0 == "completed");
    }
    stop(server);
    stop(worker);
    let spans = collector.spans();
    let mut across = 0;
    for finish in spans.named("finish") {
        let trace = spans.of_trace(&finish.trace);
        check_trace(&trace, "POST /api/v1/projects/{project_id}/runs");
        let compares = trace.named("compare");
        let services: std::collections::BTreeSet<_> = compares.iter().map(|span| &span.service).collect();
        across += usize::from(services.len() == 2);
    }
    assert_eq!(spans.named("finish").len(), runs.len());
    assert!(across > 0, "no comparison was shared by two processes");
}

#[test]
fn a_client_s_own_trace_is_taken_up() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let (server, url) =
        service::serve(folder.path(), &["--otlp-traces-endpoint", &format!("{}/v1/traces", collector.url())]);
    let ask = |parent: &str| {
        service::request(&url, "GET", "/version", "", b"", &[("traceparent", parent)]).unwrap()
    };
    let (trace, span) = CLIENT;
    assert_eq!(ask(&format!("00-{trace}-{span}-01")).0, 200);
    assert_eq!(ask(&format!("00-{trace}-{span}-00")).0, 200, "the client takes no trace of this one");
    assert_eq!(ask("nonsense").0, 200);
    stop(server);
    let spans = collector.spans();
    let asked = spans.named("GET /api/v1/version");
    assert_eq!(asked.len(), 2, "{spans:?}");
    assert_eq!(asked.iter().filter(|found| found.trace == trace && found.parent == span).count(), 1);
    assert_eq!(asked.iter().filter(|found| found.trace != trace && found.parent.is_empty()).count(), 1);
}

#[test]
fn who_samples_nothing_sends_nothing() {
    let collector = Collector::start();
    for sampler in [
        &["--otlp-sampler", "always_off"][..],
        &["--otlp-sampler", "traceidratio", "--otlp-sampler-arg", "0"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (server, url) =
            service::serve(folder.path(), &[&["--otlp-endpoint", &collector.url()], sampler].concat());
        link(&url);
        stop(server);
    }
    assert!(collector.requests().is_empty());
}

#[test]
fn a_collector_that_is_away_harms_nobody() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://127.0.0.1:{}", service::free_port());
    for endpoint in [dead, format!("http://{}", silent.local_addr().unwrap())] {
        let folder = tempfile::tempdir().unwrap();
        let (server, url) = service::serve(folder.path(), &["--otlp-endpoint", &endpoint]);
        link(&url);
        stop(server);
    }
    // It has ended though this one was asked and has not answered yet.
    silent.set_nonblocking(true).unwrap();
    silent.accept().expect("somebody has connected");
}

#[test]
fn settings_that_make_no_sense_are_refused_and_their_secrets_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, mend) in [
        (&["--otlp-endpoint", "collector:4318"][..], "http://collector:4318"),
        (&["--otlp-endpoint", "http://c:4317", "--otlp-protocol", "grpc"], "http/protobuf"),
        (&["--otlp-endpoint", "http://c:4318", "--otlp-headers", "s3cret"], "OTEL_EXPORTER_OTLP_HEADERS"),
        (&["--otlp-endpoint", "http://c:4318", "--otlp-ca-file", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_anonlink"));
        let output =
            command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).args(flags);
        let output = output.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
        assert!(said.starts_with("anonlink: ") && said.lines().count() == 1, "{said}");
        assert!(said.contains(mend) && !said.contains("s3cret"), "{said}");
    }
}
