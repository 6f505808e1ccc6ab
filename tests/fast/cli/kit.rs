//! Running the program.

use std::io::PipeWriter;
use std::process::{Command, Output};

/// Every command.
pub const COMMANDS: [&str; 9] =
    ["serve", "link", "work", "migrate", "health", "audit", "selftest", "completions", "man"];

/// The program with these words, and nothing from the environment that changes what it says.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anonlink"));
    command.args(words).env("RUST_BACKTRACE", "1");
    for name in ["NO_COLOR", "ANONLINK_METRICS_LISTEN", "DATABASE_SERVER", "ANONLINK_LOG", "ANONLINK_KERNEL"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn run(words: &[&str]) -> Output {
    command(words).output().expect("the program can be started")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text is UTF-8")
}

/// A pipe that nobody reads from any more.
pub fn broken_pipe() -> PipeWriter {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer
}

/// The path of a fixture.
pub fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}
