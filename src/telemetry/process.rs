//! What the system says of this process, under the names that every Prometheus client library uses.

use std::fmt::Write;

/// Bytes of a memory page on all systems that we build for.
const PAGE: u64 = 4096;

/// Adds memory, file descriptors and version; where the system doesn't tell, nothing.
pub(super) fn describe(text: &mut String) {
    gauge(
        text,
        "anonlink_build_info",
        "The version that runs.",
        &format!("{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    );
    if let Some(bytes) = resident() {
        gauge(text, "process_resident_memory_bytes", "Resident memory size in bytes.", &format!(" {bytes}"));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = open.count();
        gauge(text, "process_open_fds", "Number of open file descriptors.", &format!(" {open}"));
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{value}");
}

/// Resident memory in bytes.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}
