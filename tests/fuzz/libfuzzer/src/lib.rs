//! What both fuzzers do.

use std::alloc::System;

use cap::Cap;

/// Rust's memory, bounded: an input that makes a parser ask for more ends the fuzzer like any other crash. (libFuzzer's own bound on
/// single allocations needs a sanitizer's allocator.)
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Sets the bound, in MiB.
pub fn bound_memory(mib: usize) {
    MEMORY.set_limit(mib << 20).expect("less is in use so far");
}

/// The target that the variable `TARGET` names.
pub fn wanted() -> String {
    std::env::var("TARGET").expect("TARGET names a fuzz target")
}
