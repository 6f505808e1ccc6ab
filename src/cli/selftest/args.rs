//! Command line of the self-test.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::output::OutputArgs;

/// Test a running service over HTTP: every endpoint, refusals, and results against golden ones
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  anonlink selftest                                            a service of its own, on this machine
  anonlink selftest --server https://anonlink.example.org --ca-file ca.pem
  anonlink selftest --only tokens --output json

Exit status: 0 if every check passed, 1 if one failed or the test was interrupted, 2 if it could not be made (wrong usage, no
service in reach).
JSON, at the end: {\"passed\", \"failed\", \"skipped\": numbers, \"checks\": [{\"group\", \"name\", \"outcome\": \"passed\", \"failed\" or
\"skipped\", \"message\": text or null, \"seconds\"}]}; with --list a list of texts")]
pub struct SelftestArgs {
    /// Address of the service, with or without /api/v1 at its end [default: start an embedded one for the test]
    #[arg(long, env = "SERVER", value_name = "URL")]
    pub server: Option<String>,

    /// Trust the certificate authorities in this PEM file, and no other
    #[arg(long, env = "SELFTEST_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Token for creating and listing projects, where the service asks for one
    #[arg(long, env = "PROJECT_CREATION_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub project_creation_token: Option<String>,

    /// File that holds the token for creating and listing projects
    #[arg(
        long,
        env = "PROJECT_CREATION_TOKEN_FILE",
        value_name = "FILE",
        conflicts_with = "project_creation_token"
    )]
    pub project_creation_token_file: Option<PathBuf>,

    /// Seconds that one run may take
    #[arg(long, env = "SELFTEST_TIMEOUT", value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub timeout: Duration,

    /// Make only the checks whose `group: name` contains this text (may be repeated)
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,

    /// List the checks and exit
    #[arg(long)]
    pub list: bool,

    /// Write the outcome to this file as JUnit XML
    #[arg(long, env = "SELFTEST_JUNIT", value_name = "FILE")]
    pub junit: Option<PathBuf>,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// Longest wait for a run that makes sense: a day.
const LONGEST: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value <= LONGEST => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("{text:?} is no number of seconds above 0 and up to {LONGEST}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for bad in ["0", "-1", "NaN", "inf", "1e9", "ten"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
