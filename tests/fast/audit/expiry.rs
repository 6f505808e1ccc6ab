//! Projects that reach their end.

use std::io::Write;

use serde_json::{Value, json};

use crate::service::{
    Project, answer, begin_upload, call, parties, post_run, run_state, serve, upload, wait_for,
    wait_for_begun,
};

/// A two-party project that lives so many seconds, and when it will end.
fn mortal(url: &str, seconds: u64) -> (Project, String) {
    let body = json!({"schema": {}, "result_type": "groups", "expires_in": seconds});
    let (status, made) = call(url, "POST", "/projects", "", Some(body)).unwrap();
    assert_eq!(status, 201, "{made}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let updates = made["update_tokens"].as_array().unwrap().iter().map(text).collect();
    let project = Project { id: text(&made["project_id"]), updates, result: text(&made["result_token"]) };
    (project, text(&made["expires_at"]))
}

fn objects(data: &std::path::Path) -> usize {
    fn count(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    count(&data.join("objects"))
}

#[test]
fn an_expired_project_is_gone_and_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let now = || jiff::Timestamp::now().as_microsecond();
    let (before, (project, expires), after) = (now(), mortal(&url, 3), now());
    let end = expires.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    assert!((before + 3_000_000..=after + 3_000_000).contains(&end), "{expires}");
    let path = format!("/projects/{}", project.id);
    let (status, described) = call(&url, "GET", &path, &project.result, None).unwrap();
    assert_eq!((status, described["expires_at"].as_str()), (200, Some(expires.as_str())));
    let [rows, _] = parties(100, 1);
    assert_eq!(upload(&url, &project, 0, 128, &rows).unwrap(), 201);
    assert!(objects(folder.path()) > 0);
    // It is there until that very moment, and no longer.
    wait_for("the end", || {
        let asked = now();
        match call(&url, "GET", &path, &project.result, None).unwrap().0 {
            200 => assert!(asked < end, "it is there after its end"),
            status => assert!(status == 403 && now() >= end, "{status} before its end"),
        }
        asked >= end
    });
    assert_eq!(call(&url, "GET", "/projects", "", None).unwrap().1, json!([]));
    wait_for("its objects to go", || objects(folder.path()) == 0);
    let mut trail = std::process::Command::new(env!("CARGO_BIN_EXE_anonlink"));
    let trail =
        trail.args(["audit", "export", "--project", &project.id, "--data-dir"]).arg(folder.path()).output();
    let trail = String::from_utf8(trail.unwrap().stdout).unwrap();
    assert!(trail.contains("\"service\",\"token\":\"\",\"action\":\"project.expired\""), "{trail}");
}

#[test]
fn an_upload_in_progress_at_the_end_comes_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let (project, _) = mortal(&url, 3);
    let [rows, _] = parties(100, 1);
    let mut stream = begin_upload(&url, &project, 0, &rows, 6400).unwrap();
    wait_for_begun(&url, &project, 0);
    let path = format!("/projects/{}", project.id);
    wait_for("the end", || call(&url, "GET", &path, &project.result, None).unwrap().0 == 403);
    stream.write_all(&rows[6400..]).unwrap();
    let (status, body) = answer(stream).unwrap();
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&body));
    wait_for("its objects to go", || objects(folder.path()) == 0);
}

#[test]
fn a_run_in_progress_at_the_end_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &["--kernel", "scalar", "--chunk-size-aim", "200000000"]);
    let (project, _) = mortal(&url, 5);
    for (party, rows) in parties(30_000, 3).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&url, &project, 0.5).unwrap();
    wait_for("the run to be at work", || run_state(&url, &project, &run).unwrap().0 == "running");
    let path = format!("/projects/{}", project.id);
    wait_for("the end", || call(&url, "GET", &path, &project.result, None).unwrap().0 == 403);
    wait_for("what it left to go", || objects(folder.path()) == 0);
    let (status, answer) = call(&url, "GET", "/status", "", None).unwrap();
    assert_eq!((status, &answer["project_count"]), (200, &json!(0)));
}

#[test]
fn the_operator_sets_default_and_maximum() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) =
        serve(folder.path(), &["--project-expires-in", "1h", "--project-max-expires-in", "2d"]);
    let create = |members: Value| {
        let mut body = json!({"schema": {}, "result_type": "groups"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        call(&url, "POST", "/projects", "", Some(body)).unwrap()
    };
    assert!(create(json!({})).1["expires_at"].is_string());
    assert_eq!(create(json!({"expires_in": 172_800})).0, 201);
    for (bad, right) in [
        (json!(172_801), "from 1 to 172800, the most that this service allows, not 172801"),
        (json!(0), "from 1 to 172800"),
        (json!(-5), "not -5"),
        (json!(1.5), "must be a whole number"),
        (json!("30d"), "must be a whole number"),
        (json!(null), "must be a whole number"),
    ] {
        let (status, problem) = create(json!({"expires_in": bad}));
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains("expires_in") && detail.contains(right), "{problem}");
    }
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_anonlink"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--project-expires-in",
            "3d",
            "--project-max-expires-in",
            "2d",
        ])
        .arg("--data-dir")
        .arg(folder.path().join("other"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("PROJECT_EXPIRES_IN"), "{said}");
}
