//! One of the parsers, named by the variable `TARGET`, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

#[path = "../../../targets/mod.rs"]
mod targets;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = anonlink_libfuzzer::wanted();
    // Inputs have a few KiB, and the largest buffers of parsers as much.
    anonlink_libfuzzer::bound_memory(16);
    targets::PARSERS.iter().find(|target| target.name == name).expect("TARGET is the name of a fuzz target")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
