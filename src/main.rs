//! The `anonlink` binary: parses the command line and dispatches.

use std::process::ExitCode;

use anonlink::cli::Cli;

fn main() -> ExitCode {
    Cli::from_command_line().run()
}
