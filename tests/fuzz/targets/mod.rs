//! What is fuzzed: every parser that eats bytes from outside. Each target takes any bytes at all, and panics where the code under
//! it breaks a promise: whole and in pieces is the same, what is accepted is what other parsers accept, damage is noticed.
//!
//! `tests/fuzz/main.rs` runs them on seeds and simple mutations in the test command; `tests/fuzz/libfuzzer` for hours, guided by
//! coverage.

mod files;
mod requests;
mod upload;
mod xml;

/// A target by its name.
pub struct Target {
    /// Name of the target and of its folder of seeds.
    pub name: &'static str,
    /// Takes one input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "upload", run: upload::json },
    Target { name: "packed", run: upload::packed },
    Target { name: "files", run: files::read },
    Target { name: "damage", run: files::damage },
    Target { name: "xml", run: xml::records },
    Target { name: "requests", run: requests::request },
];

/// Takes the first byte off as a choice; 0 if there is none.
fn choice(data: &mut &[u8]) -> usize {
    match data.split_first() {
        Some((first, rest)) => {
            *data = rest;
            usize::from(*first)
        }
        None => 0,
    }
}
