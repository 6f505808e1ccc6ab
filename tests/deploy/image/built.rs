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

/// What is named in nothing that is shipped: where sources, tools and the caches of Cargo lie on the builder.
pub fn builders_places() -> [String; 4] {
    let home = std::env::var("HOME").unwrap();
    let place =
        |variable: &str, folder: &str| std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}"));
    let repository = repository().to_str().unwrap().to_owned();
    [repository, place("CARGO_HOME", ".cargo"), place("RUSTUP_HOME", ".rustup"), "anonlink/test-tools".into()]
}
