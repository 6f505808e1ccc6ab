//! Ctrl-C and SIGTERM: a clean end, the usual code, nothing left behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::kit::{Folder, command};

#[test]
fn a_signal_ends_a_linkage_without_a_trace() {
    let folder = Folder::new();
    // 400 million pairs of long encodings without an instruction set: far longer than it takes to send a signal.
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u8
    };
    let bytes: Vec<u8> = (0..20_000 * 1024).map(|_| random()).collect();
    let file = folder.file("random.bin", bytes);
    let to = folder.name("result.json");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let child = command()
            .args([&file, &file, "-t", "0.51", "--encoding-size", "1024", "-o", &to])
            .args(["--kernel", "scalar"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Signals are caught before the unfinished file appears.
        let patience = Instant::now();
        while folder.names().len() == 1 {
            assert!(patience.elapsed() < Duration::from_secs(60), "the program does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", child.id())).status();
        assert!(sent.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{signal}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "anonlink: interrupted: nothing was written\n");
        assert_eq!(folder.names(), ["random.bin"], "{signal}");
    }
}
