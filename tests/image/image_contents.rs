//! What is in the static binary: nothing of the machine that built it.

use crate::binary::{binary, repository};

#[test]
fn image_binary_names_no_place_of_its_builder() {
    let bytes = std::fs::read(binary()).unwrap();
    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let rustup = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{home}/.rustup"));
    let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
    for place in [repository().to_str().unwrap(), &cargo, &rustup, "/target/test-tools"] {
        assert!(!holds(place), "{place}");
    }
    // Panics still say where they come from.
    assert!(holds("/cargo/registry/src/") && holds("src/jobs/runner.rs"));
}
