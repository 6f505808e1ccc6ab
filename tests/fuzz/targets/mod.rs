//! What is fuzzed: every parser that eats bytes from outside. Each target takes any bytes at all, and panics where the code under
//! it breaks a promise: whole and in pieces is the same, what is accepted is what other parsers accept, damage is noticed.
//!
//! `tests/fast/fuzz.rs` runs them on seeds and simple mutations in the test command; `tests/fuzz/libfuzzer` for hours, guided by
//! coverage.

mod files;
mod upload;
mod xml;

/// A target by its name.
pub struct Target {
    /// Name of the target and of its folder of seeds.
    pub name: &'static str,
    /// Takes one input.
    pub run: fn(&[u8]),
}

/// All targets that need no service.
pub const PARSERS: &[Target] = &[
    Target { name: "upload", run: upload::json },
    Target { name: "base64", run: upload::base64 },
    Target { name: "blocks", run: upload::blocks },
    Target { name: "packed", run: upload::packed },
    Target { name: "candidates", run: files::candidate_file },
    Target { name: "encodings", run: files::encoding_file },
    Target { name: "block_files", run: files::block_file },
    Target { name: "similarity", run: files::similarity_file },
    Target { name: "damage", run: files::damage },
    Target { name: "xml", run: xml::records },
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
