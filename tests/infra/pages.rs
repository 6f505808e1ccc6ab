//! The commands of the documents run, and print what the page says.

use crate::kit::pages::{Kind, Page, pages, root, run};

#[test]
fn every_command_works_and_prints_what_the_page_says() {
    let pages = pages();
    let commands = pages.iter().flat_map(|page| &page.blocks).filter(|block| block.kind == Kind::Run).count();
    assert!(commands > 40, "only {commands} blocks were found");
    run(&pages, None);
}

/// The same with PyPI anonlink-client.
#[test]
fn the_python_client_does_what_the_pages_say() {
    let with_client = |page: &Page| page.blocks.iter().any(|block| block.kind == Kind::Client);
    let pages: Vec<Page> = pages().into_iter().filter(with_client).collect();
    assert!(!pages.is_empty());
    run(&pages, Some(&root().join("target/test-tools/client-venv")));
}
