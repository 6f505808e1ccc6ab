//! What is rendered, as files: the list of objects of every case, and all of three cases.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test deploy chart` writes them anew; what changed is then to be read in the diff.

use std::path::Path;

use crate::chart::cases::{CASES, Case, borrowed};
use crate::chart::helm::{Helm, KUBERNETES, repository};
use crate::chart::objects::title;

/// Compares a text with a file of the repository, or writes the file if that was asked for.
pub fn compare(file: &str, text: &str) {
    let path = repository().join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return std::fs::write(path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut lines = kept.lines().zip(text.lines()).enumerate();
    let first = lines.find(|(_, (kept, now))| kept != now);
    let hint = "UPDATE_SNAPSHOTS=1 writes it anew";
    match first {
        Some((line, (kept, now))) => panic!("{file}:{}: {kept:?} is now {now:?}; {hint}", line + 1),
        None => {
            assert_eq!(kept.lines().count(), text.lines().count(), "{file} has more or fewer lines; {hint}")
        }
    }
}

#[test]
fn chart_snapshot_of_the_objects_of_every_case() {
    let mut text = String::new();
    for case in CASES {
        let mut titles: Vec<_> =
            Helm::any().objects(&borrowed(&case.arguments())).iter().map(title).collect();
        titles.sort();
        text += &format!("{}\n  {}\n\n", case.name, titles.join("\n  "));
    }
    compare("tests/deploy/chart/snapshots/objects.txt", &text);
}

#[test]
fn chart_snapshots_of_whole_cases() {
    for name in ["default", "minimal", "all-in-one"] {
        let arguments = Case::named(name).arguments();
        let text = Helm::any().template(KUBERNETES, &borrowed(&arguments)).unwrap();
        // Checksums change with every character elsewhere; the versions of Helm differ in empty lines and comments.
        let kept = |line: &&str| !line.trim().is_empty() && !line.starts_with("# Source:");
        let masked = |line: &str| match line.split_once(": ") {
            Some((name, sum)) if name.trim().starts_with("checksum/") && sum.len() == 64 => {
                format!("{name}: …\n")
            }
            _ => format!("{line}\n"),
        };
        let text: String = text.lines().filter(kept).map(masked).collect();
        let file = format!("tests/deploy/chart/snapshots/{name}.yaml");
        compare(Path::new(&file).to_str().unwrap(), &text);
    }
}
