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

mod endpoints;
mod exempt;
mod links;
mod messages;
mod output;
mod page;
mod settings;
mod shell;

use page::{Kind, Page};

/// All documents for readers, by their paths from the root.
fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = ["README.md", "deploy/helm/anonlink/README.md"].map(str::to_owned).to_vec();
    let docs = page::root().join("docs");
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
fn run(pages: &[Page], client: Option<&std::path::Path>) {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = pages.iter().map(|page| scope.spawn(|| shell::run(page, client))).collect();
        running.into_iter().filter_map(|page| page.join().unwrap().err()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_command_works_and_prints_what_the_page_says() {
    let pages = pages();
    let commands = pages.iter().flat_map(|page| &page.blocks).filter(|block| block.kind == Kind::Run).count();
    assert!(commands > 40, "only {commands} blocks were found");
    run(&pages, None);
}

/// The same with the Python client, whose venv is made by `tests/run client`.
#[test]
#[ignore = "needs a venv of PyPI anonlink-client, named in ANONLINK_CLIENT_VENV: `tests/run client` makes one"]
fn the_python_client_does_what_the_pages_say() {
    let venv = std::env::var("ANONLINK_CLIENT_VENV").expect("ANONLINK_CLIENT_VENV");
    let with_client = |page: &Page| page.blocks.iter().any(|block| block.kind == Kind::Client);
    let pages: Vec<Page> = pages().into_iter().filter(with_client).collect();
    assert!(!pages.is_empty());
    run(&pages, Some(venv.as_ref()));
}

#[test]
fn what_is_not_run_is_listed_with_its_reason() {
    exempt::check(&pages());
}

#[test]
fn links_lead_to_files_and_headings() {
    links::check();
}

#[test]
fn the_index_names_every_page() {
    links::check_index(&pages());
}

#[test]
fn every_setting_and_flag_of_the_pages_exists() {
    settings::check_named(&pages());
}

#[test]
fn every_setting_is_in_the_table_of_settings() {
    settings::check_table();
}

#[test]
fn every_request_of_the_api_is_shown_with_curl() {
    endpoints::check();
}

#[test]
fn messages_of_the_troubleshooting_page_are_the_programs_own() {
    messages::check();
}
