//! The Python program of docs/audit.md judges exports of the audit trail as `anonlink audit verify` does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::service::{create, parties, post_run, run_state, serve, upload, wait_for};

/// The program in the documentation, as a file.
fn python_judge(folder: &Path) -> PathBuf {
    let page = include_str!("../../docs/audit.md");
    let (_, program) = page.split_once("```python\n").expect("the page has a program");
    let (program, _) = program.split_once("\n```").unwrap();
    let path = folder.join("judge.py");
    std::fs::write(&path, program).unwrap();
    path
}

fn judge(program: &Path, export: &Path, secret: Option<&Path>) -> bool {
    let output = Command::new("python3").arg(program).arg(export).args(secret).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.success(), said.contains("rows are as they were written"), "{output:?}");
    output.status.success()
}

#[test]
fn the_program_of_the_documentation_judges_whole_and_spoilt_exports() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (server, url) = serve(&data, &[]);
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(300, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&url, &project, 0.8).unwrap();
    wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
    drop(server);
    let mut export = Command::new(env!("CARGO_BIN_EXE_anonlink"));
    let export = export.args(["audit", "export", "--data-dir"]).arg(&data).output().unwrap();
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let (path, secret) = (folder.path().join("trail.jsonl"), data.join("permutation.key"));
    let program = python_judge(folder.path());
    let good = |text: &str, secret: Option<&Path>| {
        std::fs::write(&path, text).unwrap();
        judge(&program, &path, secret)
    };
    let text = String::from_utf8(export.stdout).unwrap();
    assert!(good(&text, None) && good(&text, Some(&secret)));
    // One character of one row, and a line less.
    let row = text.lines().find(|line| line.contains("run.created")).unwrap();
    let changed = text.replace(row, &row.replace("run.created", "run.creatad"));
    assert!(!good(&changed, None));
    assert!(!good(&text.replace(&format!("{row}\n"), ""), None));
}
