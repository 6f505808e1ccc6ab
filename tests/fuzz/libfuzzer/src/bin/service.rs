//! Requests to the whole service under libFuzzer.
#![no_main]

use std::sync::LazyLock;

#[path = "../../../targets/requests.rs"]
mod requests;

static BOUNDED: LazyLock<()> = LazyLock::new(|| {
    assert_eq!(anonlink_libfuzzer::wanted(), "requests");
    anonlink_libfuzzer::bound_memory(64);
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    LazyLock::force(&BOUNDED);
    requests::request(data);
});
