//! What goes wrong inside the service: the holders of tokens are told that it did and where its cause is found, and no more.

use std::path::Path;

use crate::service::{create, parties, post_run, run_state, upload, wait_for};
use crate::stack::{Daemon, free_ports};

/// Spoils every file below a folder by its last byte.
fn spoil(folder: &Path) -> usize {
    let mut spoilt = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            spoilt += spoil(&path);
        } else {
            let mut bytes = std::fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&path, bytes).unwrap();
            spoilt += 1;
        }
    }
    spoilt
}

#[test]
fn a_failure_inside_is_told_by_a_number_that_the_log_has() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let port = free_ports(1)[0];
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["serve", "--rate-limit", "0", "--listen", &listen, "--data-dir", data.to_str().unwrap()];
    let program = Path::new(env!("CARGO_BIN_EXE_anonlink"));
    let mut server = Daemon::start("serve", folder.path(), program, &arguments.map(str::to_owned), &[], None);
    server.wait_for_port(port);
    let url = format!("http://{listen}");
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(100, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    assert!(spoil(&data.join("objects")) >= 2);
    let run = post_run(&url, &project, 0.8).unwrap();
    wait_for("the run to fail", || run_state(&url, &project, &run).unwrap().0 == "error");
    let (_, status) = run_state(&url, &project, &run).unwrap();
    let message = status["message"].as_str().unwrap();
    let (_, rest) = message.split_once("(error ").unwrap_or_else(|| panic!("{message}"));
    let number = rest.split(')').next().unwrap();
    assert!(!message.contains('/') && !message.contains("encoding file"), "{message}");
    let log = server.log();
    let line = log.lines().find(|line| line.contains(number)).unwrap_or_else(|| panic!("{message}\n{log}"));
    assert!(line.contains("encoding file"), "{line}");
}
