//! The documents are true: their commands run, what they say comes out comes out, their links lead somewhere, and every setting that
//! they name exists.
//!
//! How a page marks its code blocks:
//!
//! - `sh`: run, in the order of the page, in one shell; each page has a temporary folder of its own with `fixtures`, `deploy` and
//!   `tests` in it. A command that fails fails the test.
//! - `sh background`: one command that is left running; what follows waits until the service answers.
//! - `sh client`: needs PyPI anonlink-client as `client/bin/anonlink`; run where the test command has made its venv.
//! - `sh not run: REASON`, `python`: not run. `exempt.rs` lists all of them, and what covers them instead.
//! - `text` or `json` right after a block: what it must print, `…` standing for anything.
//! - `text example`, `json example` and other languages: nothing is checked.
//!
//! The port 8851 of a page is replaced by a free one, and 9090 by another.

mod output;
mod page;
mod shell;

pub use page::{Block, Kind, Page, root};

/// All documents for readers, by their paths from the root.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = ["README.md", "deploy/helm/anonlink/README.md"].map(str::to_owned).to_vec();
    let docs = root().join("docs");
    for entry in std::fs::read_dir(docs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Runs these pages side by side and reports all that fail.
pub fn run(pages: &[Page], client: Option<&std::path::Path>) {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = pages.iter().map(|page| scope.spawn(|| shell::run(page, client))).collect();
        running.into_iter().filter_map(|page| page.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
