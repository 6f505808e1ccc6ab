//! `serve` and a `work` beside it, on one data directory.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::kit::scrape::{Recorder, Texts, add_logs, document, said, search, secrets};
use crate::service::{Project, call, parties, post_run, request, result, run_state, upload, wait_for};
use crate::stack::{Daemon, free_ports};

const CREATION_TOKEN: &str = "the-operator-creates-with-this";
const LIST_TOKEN: &str = "the-operator-lists-with-this";

/// A header that the operator has asked to be logged: what it holds is found.
const PLANTED: &str = "planted-for-the-test-4711";

/// Requests over HTTP/2 past the recorder, whose frames the libraries might log.
fn speak_http2(address: &str, project: &Project) {
    let path = format!("http://{address}/api/v1/projects/{}", project.id);
    let header = format!("Authorization: {}", project.result);
    let output = Command::new("curl")
        .args([
            "-sS",
            "--http2-prior-knowledge",
            "-H",
            &header,
            "-H",
            &format!("X-Planted: {PLANTED}"),
            &path,
        ])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&project.id), "{output:?}");
}

/// A linkage with block ids and distinctive data.
fn link(url: &str) -> Project {
    let body = json!({"schema": {}, "result_type": "groups", "uses_blocking": true});
    let (status, made) = call(url, "POST", "/projects", CREATION_TOKEN, Some(body)).unwrap();
    assert_eq!(status, 201, "{made}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let project = Project {
        id: text(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
        result: text(&made["result_token"]),
    };
    let path = format!("/projects/{}/clks", project.id);
    for (token, rows) in project.updates.iter().zip(parties(120, 5)) {
        let (status, answer) = call(url, "POST", &path, token, Some(document(&rows))).unwrap();
        assert_eq!(status, 201, "{answer}");
    }
    let run = post_run(url, &project, 0.7).unwrap();
    wait_for("the run", || run_state(url, &project, &run).unwrap().0 == "completed");
    assert_eq!(result(url, &project, &run).unwrap().0, 200);
    project
}

/// Mistakes with secrets in places where they don't belong.
fn stumble(url: &str, project: &Project) {
    let token = &project.result;
    for path in
        [format!("/projects/{token}"), format!("/projects/{}/runs/{token}", project.id), format!("/{token}")]
    {
        assert!(call(url, "GET", &path, &project.updates[0], None).unwrap().0 >= 400);
    }
    assert_eq!(call(url, "GET", "/projects", CREATION_TOKEN, None).unwrap().0, 403);
    assert_eq!(call(url, "GET", "/projects", LIST_TOKEN, None).unwrap().0, 200);
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", token.as_str())];
    assert_eq!(request(url, "POST", "/projects", CREATION_TOKEN, token.as_bytes(), &headers).unwrap().0, 400);
    let body = json!({"schema": {}, "result_type": token});
    assert_eq!(call(url, "POST", "/projects", CREATION_TOKEN, Some(body)).unwrap().0, 400);
    // An upload whose encodings are no good.
    let body = json!({"schema": {}, "result_type": "groups"});
    let made = call(url, "POST", "/projects", CREATION_TOKEN, Some(body)).unwrap().1;
    let path = format!("/projects/{}/clks", made["project_id"].as_str().unwrap());
    let broken = document(&parties(4, 9)[0]).to_string().replace("\"blocks\"", "\"blocks\":1,\"blocks\"");
    let update = made["update_tokens"][0].as_str().unwrap();
    let headers = [("Content-Type", "application/json")];
    request(url, "POST", &path, update, &broken.as_bytes()[..broken.len() / 2], &headers).unwrap();
    let odd = Project {
        id: made["project_id"].as_str().unwrap().into(),
        updates: vec![update.into()],
        result: String::new(),
    };
    assert!(upload(url, &odd, 0, 7, &[0x5a; 14]).unwrap() < 500);
}

/// Everything that the processes wrote, and what went over the wire.
fn run(folder: &Path) -> (Texts, Recorder, Project) {
    let (ports, data) = (free_ports(3), folder.join("data"));
    let data = data.to_str().unwrap();
    let address = |index: usize| format!("127.0.0.1:{}", ports[index]);
    let environment = [
        ("PROJECT_CREATION_TOKEN", CREATION_TOKEN.to_owned()),
        ("PROJECT_LIST_TOKEN", LIST_TOKEN.to_owned()),
        ("LOG_HTTP_HEADER_FIELDS", "x-planted,authorization,user-agent".to_owned()),
        ("ANONLINK_LOG", "trace".to_owned()),
        ("ANONLINK_LOG_FORMAT", "text".to_owned()),
        ("RATE_LIMIT", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let start = |name: &str, arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
        Daemon::start(name, folder, program, &arguments, &environment, None)
    };
    let (listen, metrics, worker_metrics) = (address(0), address(1), address(2));
    let mut server =
        start("serve", &["serve", "--data-dir", data, "--listen", &listen, "--metrics-listen", &metrics]);
    server.wait_for_port(ports[0]);
    let mut worker = start("work", &["work", "--data-dir", data, "--metrics-listen", &worker_metrics]);
    worker.wait_for_port(ports[2]);

    let recorder = Recorder::start(&listen);
    let url = recorder.url();
    // The rest of the selftest compares more and logs nothing else.
    let groups = [
        "authorization:",
        "uploads:",
        "upload failures:",
        "results:",
        "runs:",
        "permutations:",
        "blocking:",
        "bad input:",
        "tokens:",
    ];
    let only: Vec<&str> = groups.iter().flat_map(|group| ["--only", group]).collect();
    let selftest = said(&[&["selftest", "--server", &url], only.as_slice()].concat(), &environment);
    assert!(
        String::from_utf8_lossy(&selftest).contains(", 0 failed"),
        "{}",
        String::from_utf8_lossy(&selftest)
    );
    let project = link(&url);
    stumble(&url, &project);
    speak_http2(&listen, &project);

    let mut texts: Texts = vec![("the selftest's output".into(), selftest)];
    for (index, name) in [(1, "serve"), (2, "work")] {
        let (status, metrics) =
            crate::service::request_root(&format!("http://{}", address(index)), "/metrics").unwrap();
        assert_eq!(status, 200);
        texts.push((format!("metrics of {name}"), metrics));
    }
    // With the server's end the last refusals are in the trail.
    server.stop();
    worker.stop();
    for form in ["json", "text"] {
        let export = said(&["audit", "export", "--data-dir", data, "--output", form], &environment);
        assert!(export.windows(15).any(|word| word == b"request.refused"));
        texts.push((format!("the audit trail as {form}"), export));
    }
    add_logs(&mut texts, folder);
    (texts, recorder, project)
}

#[test]
fn a_service_that_logs_everything_gives_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let (mut texts, recorder, project) = run(folder.path());
    let (mut needles, traffic) = secrets(&[&recorder]);
    assert!(traffic.tokens.len() > 100 && traffic.encodings.len() > 500, "{} tokens", traffic.tokens.len());
    assert!(traffic.problems.len() > 50, "{} problems", traffic.problems.len());
    assert!(traffic.tokens.contains(&project.result));
    needles.text("the operator's token", CREATION_TOKEN);
    needles.text("the operator's token", LIST_TOKEN);
    texts.extend(traffic.problems.iter().map(|problem| ("a problem".to_owned(), problem.clone())));
    let logged: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let serve = texts.iter().find(|(name, _)| name.ends_with("serve.log")).unwrap();
    assert!(serve.1.windows(6).any(|word| word == b" TRACE"), "it did log everything");
    eprintln!("{} needles in {logged} bytes of {} texts", needles.count, texts.len());
    let found = search(&needles, &texts);
    assert!(found.is_empty(), "{}", found.join("\n"));

    // The search can fail: by what the operator asked to be logged, and by a token put into a log.
    needles.text("something planted", PLANTED);
    let planted = search(&needles, &texts);
    assert!(planted.len() == 1 && planted[0].contains("serve.log"), "{planted:?}");
    let spilt = format!("DEBUG request token={} done", project.updates[1]);
    assert_eq!(search(&needles, &vec![("a log".into(), spilt.into_bytes())]).len(), 1);
}
