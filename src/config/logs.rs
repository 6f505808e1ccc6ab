//! Settings of the logs.

use clap::{Args, ValueEnum};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise
    Auto,
    /// One line of text per event
    Text,
    /// One JSON object per event
    Json,
}

/// Settings of the logs, which go to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Least important level to log (error, warn, info, debug, trace), or a filter such as `info,anonlink::api=debug`
    #[arg(long, env = "ANONLINK_LOG", value_name = "LEVEL", default_value = "info", global = true)]
    pub log_level: String,

    /// Form of the log lines
    #[arg(long, env = "ANONLINK_LOG_FORMAT", value_name = "FORM", default_value = "auto", global = true)]
    pub log_format: LogFormat,
}
