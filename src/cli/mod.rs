//! The command line: one file (or folder) per role, and what they share.

mod audit;
mod backends;
mod boot;
mod cluster;
mod embedded;
mod entrance;
mod health;
mod link;
mod manual;
mod migrate;
mod output;
mod probes;
mod selftest;
mod serve;
mod traces;
mod work;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::LogArgs;

/// What `--help` says at its end.
const HELP: &str = "\
Examples:
  anonlink serve                                              the whole service in one process
  anonlink selftest                                           does all of it work on this machine?
  anonlink link a.json b.json --threshold 0.8 -o groups.json  two files, no service
  anonlink help serve                                         every setting of `serve`

Exit status: 0 for success, 1 for failure, 2 for wrong usage, 128 and a signal's number where a signal cut the work short.
A failure is told in one line on standard error. Results and data go to standard output, logs to standard error.
NO_COLOR turns colours off.";

/// Privacy-preserving record linkage: compares Bloom-filter encodings (CLKs) of two or more parties by Dice coefficient and
/// tells which records belong to the same person, without seeing a name.
#[derive(Debug, Parser)]
#[command(name = "anonlink", version, propagate_version = true, arg_required_else_help = true, after_help = HELP)]
pub struct Cli {
    #[command(subcommand)]
    role: Role,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Serve the REST API; without a database configured, the whole service in one process
    Serve(Box<serve::ServeArgs>),
    /// Link encoding files on this machine, without a service
    Link(link::LinkArgs),
    /// Work on the tasks of a cluster, or of a service that shares this data directory
    Work(Box<work::WorkArgs>),
    /// Bring schema and buckets up to date, or check that they are
    Migrate(Box<migrate::MigrateArgs>),
    /// Ask a running `serve` or `work` how it is: what health checks of containers call
    Health(health::HealthArgs),
    /// Export the audit trail, or check that nobody has tampered with it
    Audit(audit::AuditArgs),
    /// Test a running service over HTTP, or one that is started for the test
    Selftest(selftest::SelftestArgs),
    /// Write completions for a shell to standard output
    Completions(manual::CompletionsArgs),
    /// Write man pages to a folder
    Man(manual::ManArgs),
}

impl Cli {
    /// Reads the command line; exits with a message if it makes no sense.
    pub fn from_command_line() -> Self {
        Self::parse()
    }

    /// Does what was asked. The exit code is 0 for success, 1 for failure, 2 for wrong usage, 128 and its number after a signal
    /// that cut the work short.
    pub fn run(self) -> ExitCode {
        let result = match self.role {
            Role::Serve(args) => {
                let traces = args.traces.clone();
                boot::block_on(&self.logs, Some(&traces), serve::run(*args))
            }
            Role::Link(args) => link::run(args),
            Role::Work(args) => {
                let traces = args.traces.clone();
                boot::block_on(&self.logs, Some(&traces), work::run(*args))
            }
            Role::Migrate(args) => boot::block_on(&self.logs, None, migrate::run(*args)),
            Role::Health(args) => boot::block_on(&self.logs, None, health::run(args)),
            Role::Audit(args) => boot::block_on(&self.logs, None, audit::run(args)),
            Role::Completions(args) => manual::completions(&args, Self::command()),
            Role::Man(args) => manual::man(&args, Self::command()),
            Role::Selftest(args) => boot::block_on(&quiet(self.logs), None, async move {
                Ok(ExitCode::from(selftest::run(&args, embedded::start_for_test).await))
            }),
        };
        result.unwrap_or_else(|error| {
            output::complain(&format!("anonlink: {}", format!("{error:#}").replace('\n', " ")));
            ExitCode::FAILURE
        })
    }
}

/// The selftest's own lines are its output: a server that it starts inside logs problems only, unless asked for more.
fn quiet(mut logs: LogArgs) -> LogArgs {
    if logs.log_level == "info" {
        logs.log_level = "error".into();
    }
    logs
}
