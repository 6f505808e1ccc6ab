//! The program's own test of a running service passes, whole, and the audit trail that it leaves verifies.

use std::process::Command;

use crate::service::serve;

#[test]
fn the_whole_selftest_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = serve(folder.path(), &[]);
    let program = env!("CARGO_BIN_EXE_anonlink");
    let done = Command::new(program).args(["selftest", "--server", &url]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}");
    let closing = said.lines().last().unwrap();
    let passed: u32 = closing.split(' ').next().unwrap().parse().unwrap();
    assert!(passed > 150 && closing.ends_with(" 0 failed"), "{closing}");
    let mut verify = Command::new(program);
    let verified = verify.args(["audit", "verify", "--data-dir"]).arg(folder.path()).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
