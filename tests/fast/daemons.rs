//! The guard of the services that other tiers start: they stop, come back, and never outlive a test.

use std::path::Path;

use crate::stack::{Daemon, find, wait_until};

#[test]
fn a_daemon_stops_restarts_and_goes_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let sleep = find("sleep", &["/bin"]);
    let mut daemon = Daemon::start("sleeper", folder.path(), &sleep, &["60".into()], &[], None);
    let alive = |pid: u32| Path::new(&format!("/proc/{pid}")).exists();
    let first = daemon.pid();
    assert!(daemon.running() && alive(first));
    daemon.stop();
    assert!(!daemon.running() && !alive(first));
    daemon.restart();
    let second = daemon.pid();
    daemon.signal("STOP");
    drop(daemon);
    wait_until("its end", || !alive(second));
}

#[test]
fn what_a_killed_daemon_leaves_behind_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("child");
    let script = format!("sleep 600 & echo $! >{0}.new; mv {0}.new {0}; wait", note.display());
    let arguments = ["-c".into(), script];
    let shell = find("sh", &["/bin"]);
    for drops in [false, true] {
        let mut daemon = Daemon::start("parent", folder.path(), &shell, &arguments, &[], None);
        wait_until("the child", || note.exists());
        let child = std::fs::read_to_string(&note).unwrap();
        std::fs::remove_file(&note).unwrap();
        if !drops {
            daemon.kill();
        }
        drop(daemon);
        // One that has ended may wait for the system to take notice.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        wait_until("its end", || state().is_empty() || state().contains(") Z "));
    }
}
