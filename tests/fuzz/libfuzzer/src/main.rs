//! One fuzz target, named by the variable `TARGET`, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

#[path = "../../targets/mod.rs"]
mod targets;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").expect("TARGET names a fuzz target");
    targets::TARGETS.iter().find(|target| target.name == name).expect("TARGET is the name of a fuzz target")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
