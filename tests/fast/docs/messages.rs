//! Messages that the troubleshooting page explains, against the program's source.

use std::path::Path;

use crate::kit::pages;

/// The page.
const PAGE: &str = "docs/troubleshooting.md";

/// Headings whose messages are other programs'.
const FOREIGN: [&str; 2] = ["TLS", "anonlink-client"];

/// Shortest piece of a message that says anything.
const WORDS: usize = 8;

/// Checks that each message's pieces, between what differs, stand in the source.
pub fn check() {
    let mut source = String::new();
    read(&pages::root().join("src"), &mut source);
    let text = std::fs::read_to_string(pages::root().join(PAGE)).unwrap();
    let (mut heading, mut checked, mut missing) = ("", 0, Vec::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title;
        }
        let Some(cell) = line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else { continue };
        if FOREIGN.contains(&heading) {
            continue;
        }
        for message in cell.split('`').skip(1).step_by(2) {
            for piece in message.split('…').map(str::trim).filter(|piece| piece.len() >= WORDS) {
                checked += 1;
                if !known(&source, piece) {
                    missing.push(format!("{PAGE}: nothing says {piece:?}"));
                }
            }
        }
    }
    assert!(checked > 60, "only {checked} pieces were found");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether the program says so: in its own source, or where a number or another program's words stand in for what it fills in.
fn known(source: &str, piece: &str) -> bool {
    const FOREIGN: [&str; 3] = [
        "No space left on device",
        "database or disk is full",
        "transfer closed with outstanding read data remaining",
    ];
    FOREIGN.contains(&piece)
        || piece.starts_with("anonlink_ledger_tasks{")
        || source.contains(&piece.replace("vanished 20 times", "vanished {MAX_EXPIRIES} times"))
}

/// All of the source in one, with strings that go on in the next line joined, and quotes as they are printed.
fn read(folder: &Path, source: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, source);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap().replace("\\\"", "\"");
            let mut parts = text.split("\\\n");
            source.extend(parts.next());
            for part in parts {
                *source += part.trim_start();
            }
        }
    }
}
