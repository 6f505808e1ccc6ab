//! What a command says on standard output: lines for people, or one JSON document for programs.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
}

/// The flag that chooses the form.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// How to say it on standard output
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub output: Form,
}

impl OutputArgs {
    /// Whether lines for people are wanted.
    pub fn text(&self) -> bool {
        self.output == Form::Text
    }

    /// Writes a line, if lines are wanted.
    ///
    /// # Errors
    /// Standard output can't be written to.
    pub fn line(&self, line: &str) -> Result<()> {
        if self.text() { say(line) } else { Ok(()) }
    }

    /// Writes the document, if that is wanted.
    ///
    /// # Errors
    /// Standard output can't be written to.
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        if self.text() { Ok(()) } else { say(&serde_json::to_string(document)?) }
    }
}

/// Writes a text and a newline to standard output.
///
/// # Errors
/// It can't be written to. That its reader has gone is none: whoever reads has seen enough.
pub fn say(text: &str) -> Result<()> {
    write(format!("{text}\n").as_bytes())
}

/// As [`say`], of bytes as they are.
///
/// # Errors
/// As [`say`].
pub fn write(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output can't be written to: name a place that takes it"),
    }
}

/// Writes a line to standard error. Unlike `eprintln!` it doesn't panic when nobody can be told any more.
pub fn complain(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Whether a stream that is a terminal, or isn't, may have colours: not if `NO_COLOR` is set.
pub fn colours(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
