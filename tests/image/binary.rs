//! What deploy/image/build.sh has made for this machine.

use std::path::{Path, PathBuf};

/// The project's folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The image's root as it was built.
///
/// # Panics
/// It was not.
pub fn built() -> PathBuf {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let root = repository().join("target/image").join(arch).join("root");
    assert!(root.join("anonlink").is_file(), "there is no static binary: `tests/run image` builds it");
    root
}

/// The static binary.
pub fn binary() -> PathBuf {
    built().join("anonlink")
}
