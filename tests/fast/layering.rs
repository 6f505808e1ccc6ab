//! Imports go downwards only. This reads every source file and checks each `crate::…` and `super::…` path against the layers.

use std::path::{Path, PathBuf};

/// From top to bottom; modules on one level don't know each other, save in the pure level, where `codec` and `domain` may use
/// `matching`'s types.
const LEVELS: &[&[&str]] = &[
    &["cli"],
    &["api", "jobs"],
    &["staging"],
    &["db", "store", "cache"],
    &["config", "telemetry"],
    &["codec", "domain"],
    &["matching"],
];

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|modules| modules.contains(&module))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The top-level module of a file: its folder's name, `match` being `matching`.
fn module_of(source: &Path, file: &Path) -> Option<String> {
    let first = file.strip_prefix(source).unwrap().components().next()?.as_os_str().to_str()?.to_owned();
    match first.as_str() {
        "main.rs" | "lib.rs" => None,
        "match" => Some("matching".into()),
        name => Some(name.trim_end_matches(".rs").into()),
    }
}

/// Top-level modules named after `crate::` in a text, grouped imports included.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + 7..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !word.is_empty() {
                found.push(word);
            }
        }
    }
    found
}

#[test]
fn imports_go_downwards_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    assert!(all.len() > 50, "the sources were found");
    let mut wrong = Vec::new();
    for file in all {
        let Some(module) = module_of(&source, &file) else { continue };
        let from = level(&module).unwrap_or_else(|| panic!("{} is in no layer", file.display()));
        let text = std::fs::read_to_string(&file).unwrap();
        // `stack` starts real services for unit tests; the program itself has no such module.
        for import in imports(&text).into_iter().filter(|import| import != "stack") {
            let Some(to) = level(&import) else {
                wrong.push(format!("{} imports crate::{import}, which is in no layer", file.display()));
                continue;
            };
            if import != module && to <= from {
                wrong.push(format!("{} ({module}) imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that don't go downwards:\n{}", wrong.join("\n"));
}

#[test]
fn the_test_sees_what_it_should() {
    assert_eq!(imports("use crate::db::{Db}; crate::{api, jobs::X}"), ["db", "api", "jobs"]);
    assert!(
        level("cli") < level("api") && level("api") == level("jobs") && level("codec") < level("matching")
    );
}

#[test]
fn unsafe_code_lives_in_the_kernels_and_in_one_wish_to_the_operating_system() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    for file in all {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let uses =
            code.filter(|line| line.contains("unsafe ") || line.contains("allow(unsafe_code)")).count();
        let may = ["match/kernel", "match/pages.rs"].iter().any(|place| file.starts_with(source.join(place)));
        assert!(uses == 0 || may, "{} uses unsafe", file.display());
    }
}
