//! The trail of a service that has been through something.

use std::process::{Command, Output};

use serde_json::Value;

use crate::service::{create, parties, post_run, result, run_state, serve, upload, wait_for};

/// Runs `anonlink audit` with these arguments.
fn audit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anonlink")).arg("audit").args(arguments).output().unwrap()
}

/// What it says on standard output, and whether it is content.
fn verify(arguments: &[&str]) -> (bool, String) {
    let output = audit(&[&["verify"], arguments].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_a_selftest_leaves_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (server, url) = serve(&data, &[]);
    // The whole selftest is a test of its own (`selftest`); here is what each kind of row comes from.
    let groups = [
        "authorization:",
        "uploads:",
        "results:",
        "runs:",
        "permutations:",
        "deletion: a deleted",
        "bad input:",
    ];
    let only = groups.iter().flat_map(|group| ["--only", group]);
    let selftest = Command::new(env!("CARGO_BIN_EXE_anonlink"))
        .args(["selftest", "--server", &url])
        .args(only)
        .output()
        .unwrap();
    assert!(selftest.status.success(), "{}", String::from_utf8_lossy(&selftest.stdout));
    let directory = data.to_str().unwrap();
    // Refusals are written once a second.
    wait_for("refusals in the trail", || {
        let export = audit(&["export", "--data-dir", directory, "--output", "text"]);
        String::from_utf8(export.stdout).unwrap().contains("request.refused")
    });

    // While the server runs.
    let (good, said) = verify(&["--data-dir", directory]);
    assert!(good, "{said}");
    let head = said.lines().find_map(|line| line.strip_prefix("head server=")).unwrap();
    let head = format!("server={}", head.split(' ').next().unwrap());
    drop(server);

    let export = audit(&["export", "--data-dir", directory]);
    let path = folder.path().join("trail.jsonl");
    std::fs::write(&path, &export.stdout).unwrap();
    let lines: Vec<Value> = export
        .stdout
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    let actions: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line["row"]["action"].as_str()).collect();
    for action in [
        "project.created",
        "project.deleted",
        "upload.begun",
        "upload.accepted",
        "upload.failed",
        "run.created",
        "run.completed",
        "run.deleted",
        "result.read",
        "request.refused",
    ] {
        assert!(actions.contains(action), "{action} is missing in {actions:?}");
    }

    let (file, secret) = (path.to_str().unwrap(), data.join("permutation.key"));
    let keyed = ["--file", file, "--secret-file", secret.to_str().unwrap(), "--head", &head];
    let (good, said) = verify(&keyed);
    assert!(good && !said.contains("note:"), "{said}");
    let (good, said) = verify(&["--file", file]);
    assert!(good && said.contains("authentication codes were not checked"), "{said}");
    let (good, said) = verify(&["--file", file, "--head", &format!("server={}", "0".repeat(64))]);
    assert!(!good && said.contains("noted earlier"), "{said}");

    // One character of one row, and a line less.
    let text = String::from_utf8(export.stdout).unwrap();
    let row = text.lines().position(|line| line.contains("run.created")).unwrap();
    let changed: Vec<String> = text
        .lines()
        .enumerate()
        .map(
            |(at, line)| if at == row { line.replace("run.created", "run.creatad") } else { line.to_owned() },
        )
        .collect();
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(at, _)| *at != row).map(|(_, line)| line).collect();
    for (bad, what) in [(changed.join("\n"), "don't give its hash"), (without.join("\n"), "is missing")] {
        let path = folder.path().join("bad.jsonl");
        std::fs::write(&path, bad).unwrap();
        let (good, said) = verify(&["--file", path.to_str().unwrap()]);
        assert!(!good && said.contains(what), "{said}");
    }
}

#[test]
fn a_part_of_the_trail_can_be_exported_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let (first, _second) = (create(&url, "groups").unwrap(), create(&url, "groups").unwrap());
    let directory = folder.path().to_str().unwrap();
    let export = |more: &[&str]| {
        let output = audit(&[&["export", "--data-dir", directory], more].concat());
        let path = folder.path().join("part.jsonl");
        std::fs::write(&path, &output.stdout).unwrap();
        let (good, said) = verify(&["--file", path.to_str().unwrap()]);
        assert!(good && said.contains("this is a part of a trail"), "{said}");
        String::from_utf8(output.stdout).unwrap().lines().filter(|line| line.starts_with("{\"row\"")).count()
    };
    assert_eq!(export(&["--project", &first.id]), 1);
    assert_eq!(export(&["--since", "2020-01-01"]), 4);
    assert_eq!(export(&["--since", "2120-01-01T00:00:00Z"]), 0);
}

#[test]
fn kills_leave_a_good_trail_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let rows = parties(400, 7);
    let mut made = Vec::new();
    for round in 0..4_u64 {
        let (server, url) = serve(folder.path(), &["--chunk-size-aim", "20000"]);
        let project = create(&url, "groups").unwrap();
        for (party, rows) in rows.iter().enumerate() {
            assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
        }
        let run = post_run(&url, &project, 0.8).unwrap();
        made.push((project, run));
        std::thread::sleep(std::time::Duration::from_millis(40 * round));
        // Dropping kills.
        drop(server);
    }
    let (_server, url) = serve(folder.path(), &[]);
    for (project, run) in &made {
        wait_for("the run", || run_state(&url, project, run).unwrap().0 == "completed");
        assert_eq!(result(&url, project, run).unwrap().0, 200);
    }
    let directory = folder.path().to_str().unwrap();
    let (good, said) = verify(&["--data-dir", directory]);
    assert!(good, "{said}");
    let export = String::from_utf8(audit(&["export", "--data-dir", directory]).stdout).unwrap();
    for (project, run) in &made {
        let of = |action: &str| {
            let row = |line: &&str| line.contains(&project.id) && line.contains(run) && line.contains(action);
            export.lines().filter(row).count()
        };
        assert_eq!((of("run.created"), of("run.completed"), of("result.read")), (1, 1, 1));
    }
}

#[test]
fn what_can_not_be_checked_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let (good, said) = verify(&["--data-dir", missing.to_str().unwrap()]);
    assert!(!good && said.contains("there is no database") && !missing.exists(), "{said}");
    let path = folder.path().join("x.jsonl");
    std::fs::write(&path, "{}\n").unwrap();
    let (good, said) = verify(&["--file", path.to_str().unwrap()]);
    assert!(!good && said.contains("line 1"), "{said}");
    std::fs::write(&path, "").unwrap();
    let (good, said) = verify(&["--file", path.to_str().unwrap()]);
    assert!(!good && said.contains("is no export"), "{said}");
    let (good, said) = verify(&["--head", "server"]);
    assert!(!good && said.contains("CHAIN=HASH"), "{said}");
}
