//! Running the program, and the fixtures.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

/// `anonlink link`, without a kernel from the environment.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anonlink"));
    command.arg("link").env_remove("ANONLINK_KERNEL");
    command
}

/// Runs it to its end.
pub fn link(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    command().args(args).output().expect("the program can be started")
}

/// Runs it, with success and no word of it, and returns what it wrote to standard output.
pub fn linked(args: &[&str]) -> Vec<u8> {
    let output = link(args.iter().chain(&["--quiet", "-o", "-"]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{args:?}: {errors}");
    output.stdout
}

/// [`linked`], of a JSON result.
pub fn linked_json(args: &[&str]) -> Value {
    serde_json::from_slice(&linked(args)).expect("a JSON result")
}

/// The path of a fixture.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    path.to_str().expect("an ordinary path").to_owned()
}

/// A JSON fixture.
pub fn fixture_json(name: &str) -> Value {
    let text = fs::read(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_slice(&text).expect("a fixture is JSON")
}

/// A folder for one test's files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path of a file, as an argument.
    pub fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("an ordinary path").to_owned()
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).expect("a temporary file");
        self.name(name)
    }

    /// Writes a file compressed.
    pub fn gzip(&self, name: &str, content: &[u8]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("memory takes everything");
        self.file(name, encoder.finish().expect("memory takes everything"))
    }

    /// Names of the files in it, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().into_string().expect("an ordinary name")
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

/// The packed encodings of a `{"clks": …}` fixture.
pub fn packed(fixture: &str) -> Vec<u8> {
    let file = fixture_json(fixture);
    let encodings = file["clks"].as_array().expect("a list of encodings");
    let decode = |encoding: &Value| STANDARD.decode(encoding.as_str().expect("text")).expect("base64");
    encodings.iter().flat_map(decode).collect()
}
