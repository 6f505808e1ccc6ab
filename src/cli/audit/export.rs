//! The trail as JSON lines or as a table.

use std::io::{BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::super::backends::BackendArgs;
use crate::codec::audit::{Head, Row};
use crate::db::audit::{Item, Selection, walk};
use crate::domain::{ProjectId, Timestamp};

/// Flags of `audit export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    backends: BackendArgs,

    /// Only the chain of this project (which may have been deleted)
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,

    /// From each chain's first row at or after this time on, such as 2026-11-01 or 2026-11-01T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// Form of the output
    #[arg(long, value_enum, default_value = "json")]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// JSON lines, which `audit verify --file` reads
    Json,
    /// A table for people
    Text,
}

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first line: what the export holds.
    Export(Scope),
    /// A row.
    Row(Row),
    /// A chain's head, after its rows.
    Head(Head),
}

/// What an export holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scope {
    /// Version of the format.
    pub format: u32,
    /// The one chain that it holds, unless it holds all.
    pub project: Option<String>,
    /// Where its chains begin, unless at their beginnings; microseconds since 1970.
    pub since: Option<i64>,
}

/// Version of the export's format.
pub(super) const FORMAT: u32 = 1;

/// Reads a time, or a date as its midnight in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = format!("{text}T00:00:00Z");
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| midnight.parse());
    parsed
        .map(|time| Timestamp(time.as_microsecond()))
        .map_err(|_| format!("{text:?} is no time: 2026-11-01 or 2026-11-01T08:00:00Z would be one"))
}

/// Writes the trail.
pub(super) async fn run(args: ExportArgs) -> Result<ExitCode> {
    let backends = super::open(&args.backends).await?;
    let selection = Selection {
        chain: args.project.map(|project| project.to_string()),
        since: args.since.map(|time| time.0),
    };
    let mut out = BufWriter::new(std::io::stdout());
    let scope = Scope { format: FORMAT, project: selection.chain.clone(), since: selection.since };
    let written = match args.output {
        Form::Json => {
            let mut line = |line: &Line| -> Result<()> {
                serde_json::to_writer(&mut out, line)?;
                Ok(out.write_all(b"\n")?)
            };
            let started = line(&Line::Export(scope));
            match started {
                Ok(()) => {
                    let each = |item| {
                        line(&match item {
                            Item::Row(row) => Line::Row(row),
                            Item::Head(head) => Line::Head(head),
                        })
                    };
                    walk(&*backends.db, &selection, each).await.map(drop)
                }
                Err(error) => Err(error),
            }
        }
        Form::Text => {
            writeln!(out, "{}", heading())?;
            let each = |item| match item {
                Item::Row(row) => Ok(writeln!(out, "{}", table(&row))?),
                Item::Head(_) => Ok(()),
            };
            walk(&*backends.db, &selection, each).await.map(drop)
        }
    };
    match written.and_then(|()| Ok(out.flush()?)) {
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => {}
        written => written.context("the trail can't be written to standard output")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        kind.or(json) == Some(ErrorKind::BrokenPipe)
    })
}

fn heading() -> String {
    format!(
        "{:<27} {:<48} {:>6} {:<8} {:<8} {:<16} {:<7} {:<48} DETAILS",
        "TIME", "CHAIN", "ROW", "ACTOR", "TOKEN", "ACTION", "OUTCOME", "RUN"
    )
}

fn table(row: &Row) -> String {
    let named = if row.project.is_empty() || row.project == row.chain {
        String::new()
    } else {
        format!(" project {}", row.project)
    };
    format!(
        "{:<27} {:<48} {:>6} {:<8} {:<8} {:<16} {:<7} {:<48} {}{named}",
        Timestamp(row.time).to_string(),
        row.chain,
        row.number,
        row.actor,
        row.token,
        row.action,
        row.outcome,
        row.run,
        row.details,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_dates_are_understood() {
        assert_eq!(time("1970-01-02").unwrap(), Timestamp(86_400_000_000));
        assert_eq!(time("1970-01-01T00:00:01.5Z").unwrap(), Timestamp(1_500_000));
        assert!(time("yesterday").unwrap_err().contains("would be one"));
    }
}
