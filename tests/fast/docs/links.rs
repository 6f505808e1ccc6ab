//! Links between Markdown files, and to headings in them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::kit::pages::{self, Page};

/// The index of the documentation.
const INDEX: &str = "docs/README.md";

/// Checks all links of all Markdown files that Git would keep.
pub fn check() {
    let root = pages::root();
    let mut files = Vec::new();
    find(&root, &mut files);
    assert!(files.len() > 8, "{files:?}");
    let (mut links, mut broken) = (0, Vec::new());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let shown = file.strip_prefix(&root).unwrap().display();
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            if !to.exists() {
                broken.push(format!("{shown}: no such file: {target}"));
            } else if !anchor.is_empty() && !anchors(&to).contains(anchor) {
                broken.push(format!("{shown}: no such heading: {target}"));
            }
        }
    }
    assert!(links > 30, "only {links} links were found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Checks that the index leads to every page beside it.
pub fn check_index(pages: &[Page]) {
    let index = std::fs::read_to_string(pages::root().join(INDEX)).unwrap();
    let linked: HashSet<&str> =
        targets(&index).into_iter().filter_map(|target| target.split('#').next()).collect();
    let pages = pages.iter().filter(|page| page.path != INDEX);
    let names = pages.filter_map(|page| page.path.strip_prefix("docs/"));
    let missing: Vec<&str> = names.filter(|name| !linked.contains(name)).collect();
    assert!(missing.is_empty(), "{INDEX} doesn't name {missing:?}");
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir()
            && !path.is_symlink()
            && !name.starts_with('.')
            && name != "target"
            && name != "node_modules"
        {
            find(&path, files);
        } else if name.ends_with(".md") {
            files.push(path);
        }
    }
}

/// Targets of the links in a text, code left out.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            // Inside of inline code, which has an odd number of ticks before it, nothing is a link.
            if line[..at].matches('`').count() % 2 == 0 || line[..at].ends_with('`') {
                found.extend(line[at + 2..].split(')').next());
            }
        }
    }
    found
}

/// The anchors of a file's headings, as GitHub makes them.
fn anchors(file: &Path) -> HashSet<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut code = false;
    let mut found = HashSet::new();
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        }
        let title = line.trim_start_matches('#');
        if !code && line.starts_with('#') && title.starts_with(' ') {
            found.insert(anchor(title.trim()));
        }
    }
    found
}

fn anchor(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn anchors_are_made_as_by_github() {
    assert_eq!(anchor("Who gets what: `groups`"), "who-gets-what-groups");
    assert_eq!(targets("[a](b.md#c) `[x](y)` [`d`](e)\n```\n[f](g)\n```\n"), ["b.md#c", "e"]);
}
