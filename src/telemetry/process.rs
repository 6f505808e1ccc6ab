//! What the system says of this process, under the names that every Prometheus client library uses.

use std::fmt::Write;

use super::About;

/// Bytes of a memory page on all systems that we build for.
const PAGE: u64 = 4096;
/// Clock ticks per second in what the kernel tells of processes: the same on every Linux.
const TICKS: f64 = 100.0;

/// Where the limit of this process's memory stands: control groups of version 2 and 1, as a container sees its own.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
/// Version 1 writes "no limit" as a number near the largest one.
const NO_LIMIT: u64 = 1 << 62;

const BUILD: (&str, &str, &str) = ("anonlink_build_info", "gauge", "The version that runs.");
const LIMIT: (&str, &str, &str) = (
    "anonlink_memory_limit_bytes",
    "gauge",
    "Memory that this process may use at most; +Inf without a limit.",
);
const RESIDENT: (&str, &str, &str) =
    ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
const FILES: (&str, &str, &str) = ("process_open_fds", "gauge", "Number of open file descriptors.");
const CPU: (&str, &str, &str) =
    ("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.");

/// What [`describe`] adds.
pub(super) fn about() -> impl Iterator<Item = About> {
    [BUILD, LIMIT, RESIDENT, FILES, CPU].into_iter().map(|(name, kind, help)| {
        let labels = if name == BUILD.0 { vec!["version"] } else { Vec::new() };
        About { name, kind, labels, help }
    })
}

/// Adds version, memory, file descriptors and processor time; where the system doesn't tell, nothing.
pub(super) fn describe(text: &mut String) {
    metric(text, BUILD, &format!("{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    metric(text, LIMIT, &limit().map_or(" +Inf".to_owned(), |bytes| format!(" {bytes}")));
    if let Some(bytes) = resident() {
        metric(text, RESIDENT, &format!(" {bytes}"));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        metric(text, FILES, &format!(" {}", open.count()));
    }
    if let Some(seconds) = cpu_seconds() {
        metric(text, CPU, &format!(" {seconds}"));
    }
}

fn metric(text: &mut String, (name, kind, help): (&str, &str, &str), value: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{value}");
}

/// Resident memory in bytes.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}

/// The control group's limit of memory in bytes.
fn limit() -> Option<u64> {
    let text = LIMITS.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

/// Processor time that this process has used; fields 14 and 15 of proc(5)'s `stat`.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_what_is_written() {
        let mut text = String::new();
        describe(&mut text);
        for About { name, kind, help, .. } in about() {
            let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name}");
            assert!(text.contains(&head), "{head} is not in\n{text}");
        }
    }
}
