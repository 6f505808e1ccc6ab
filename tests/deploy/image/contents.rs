//! What is in the static binary: nothing of the machine that built it.

use crate::image::built::{binary, builders_places};

#[test]
fn image_binary_names_no_place_of_its_builder() {
    let bytes = std::fs::read(binary()).unwrap();
    let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
    for place in builders_places() {
        assert!(!holds(&place), "{place}");
    }
    // Panics still say where they come from.
    assert!(holds("/cargo/registry/src/") && holds("src/jobs/runner.rs"));
}
