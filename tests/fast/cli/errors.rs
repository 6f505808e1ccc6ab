//! Failures: one line that names the mend, and the status that the help promises.

use std::process::Stdio;

use super::kit::{COMMANDS, broken_pipe, command, fixture, run, text};
use crate::service;

#[test]
fn wrong_usage_ends_with_2() {
    for name in COMMANDS {
        let output = run(&[name, "--no-such-flag"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty() && text(&output.stderr).contains("--no-such-flag"), "{name}");
    }
    assert_eq!(run(&[]).status.code(), Some(2), "nothing was asked for");
    assert_eq!(run(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn failures_are_one_line_that_names_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no encodings").unwrap();
    let name = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (file, data) = (name(&file), name(&folder.path().join("data")));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let table: &[(&[&str], i32, &str)] = &[
        (&["serve", "--data-dir", &file], 1, "--data-dir"),
        (&["serve", "--data-dir", &data, "--listen", &taken], 1, "--listen names another"),
        (
            &["serve", "--data-dir", &data, "--listen", "127.0.0.1:0", "--metrics-listen", &taken],
            1,
            "--metrics-listen names another",
        ),
        (&["serve", "--data-dir", &data, "--log-level", "a=b=c"], 1, "--log-level"),
        (&["work", "--data-dir", &data.replace("data", "none")], 1, "anonlink migrate"),
        (&["migrate", "--check", "--data-dir", &data.replace("data", "none")], 1, "anonlink migrate"),
        (&["migrate", "--data-dir", &file], 1, "--data-dir"),
        (&["health"], 1, "--metrics-listen"),
        (&["selftest", "--server", "http://127.0.0.1:1"], 2, "--server"),
        (&["selftest", "--only", "no such check"], 2, "--list"),
        (&["man", &format!("{file}/pages")], 1, "can't be written to"),
        (&["link", &file, &file, "-t", "0.8", "-o", "-"], 1, "--encoding-size"),
        (&["link", "nowhere.json", &file, "-t", "0.8", "-o", "-"], 1, "nowhere.json"),
    ];
    for (words, status, mend) in table {
        let output = run(words);
        let said = text(&output.stderr);
        // Logs are lines of their own.
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("anonlink")).collect();
        assert_eq!(output.status.code(), Some(*status), "{words:?}: {said}");
        // A check says what it found on standard output: that is no failure of the command.
        let told = if errors.is_empty() { text(&output.stdout) } else { errors.join("\n") };
        assert!(
            errors.len() <= 1 && told.trim().lines().count() == 1 && told.contains(mend),
            "{words:?}: {told}"
        );
        for noise in ["Err(", "Error {", "stack backtrace", "panicked", "Caused by"] {
            assert!(!said.contains(noise), "{words:?}: {said}");
        }
    }
}

#[test]
fn a_reader_who_leaves_makes_nobody_panic() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (a, b) = (fixture("edge/exact/a.json"), fixture("edge/exact/b.json"));
    let table: &[(&[&str], i32)] = &[
        (&["--help"], 0),
        (&["--version"], 0),
        (&["completions", "bash"], 0),
        (&["selftest", "--list"], 0),
        (&["selftest", "--list", "--output", "json"], 0),
        (&["migrate", "--data-dir", &data], 0),
        (&["migrate", "--check", "--data-dir", &data, "--output", "json"], 0),
        (&["health", "--metrics-listen", "127.0.0.1:1"], 1),
        // Its result is lost, and the shell is told.
        (&["link", &a, &b, "-t", "0.7", "-o", "-"], 1),
    ];
    for (words, status) in table {
        let output = command(words).stdout(broken_pipe()).stderr(Stdio::piped()).output().unwrap();
        let said = text(&output.stderr);
        assert!(!said.contains("panicked"), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(*status), "{words:?}: {said}");
        let silent = command(words).stdout(broken_pipe()).stderr(broken_pipe()).status().unwrap();
        assert_eq!(silent.code(), Some(*status), "{words:?} without standard error");
    }
}

#[test]
fn a_service_outlives_whoever_read_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = service::free_port();
    let listen = format!("127.0.0.1:{metrics}");
    let child = command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .args(["--metrics-listen", &listen, "--log-level", "debug"])
        .stdout(broken_pipe())
        .stderr(broken_pipe())
        .spawn()
        .unwrap();
    let mut server = service::Process(child);
    service::wait_for("the service", || {
        assert_eq!(server.0.try_wait().unwrap(), None, "the service has ended");
        run(&["health", "--metrics-listen", &listen]).status.success()
    });
    server.signal("TERM");
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}
